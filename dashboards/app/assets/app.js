// Which theme is it, the one of the address, else the system's, and how wide is the window? Figures are drawn by the server, which can't know.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  strata: {
    scheme(hash) {
      const asked = new URLSearchParams((hash || '').slice(1)).get('theme');
      const dark = asked ? asked === 'dark' : window.matchMedia('(prefers-color-scheme: dark)').matches;
      document.documentElement.dataset.theme = dark ? 'dark' : 'light';
      return dark ? 'dark' : 'light';
    },
    layout(from) {
      const [wide, narrow, around] = from;
      const fits = () => (window.innerWidth - around >= wide ? 'wide' : window.innerWidth - around >= narrow ? 'narrow' : 'phone');
      let shown = fits();
      window.addEventListener('resize', () => {
        if (fits() === shown) return;
        shown = fits();
        window.dash_clientside.set_props('layout', { data: shown });
      });
      return shown;
    },
  },
});
