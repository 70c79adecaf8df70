// Which theme is it: the one of the address, else the system's? Figures are drawn by the server, which can't know the latter.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  strata: {
    scheme(hash) {
      const asked = new URLSearchParams((hash || '').slice(1)).get('theme');
      const dark = asked ? asked === 'dark' : window.matchMedia('(prefers-color-scheme: dark)').matches;
      document.documentElement.dataset.theme = dark ? 'dark' : 'light';
      return dark ? 'dark' : 'light';
    },
  },
});
