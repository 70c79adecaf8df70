// What is a choice called? As `choice_names.py` calls it: names of choices are built and taken apart here alone.

/** Of several lists; empty where there is no such list. */
function choiceName(...parts) { return parts.join('|'); }

/** What each list is set to. */
function choiceParts(name) { return name.split('|'); }

function ofFamily(family) { return `family:${family}`; }

function ofItem(item) { return `item:${item}`; }
