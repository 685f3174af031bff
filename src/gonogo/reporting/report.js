// Evidence is built when a check is opened; everything else in this page works without this script.
const checks = [...document.querySelectorAll("details[data-check]")];

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text; // never as HTML: it comes from a deployment
  if (className) made.className = className;
  return made;
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function observation(seen) {
  const part = element("details");
  const head = element("summary", `${seen.probe}: ${seen.subject} `);
  head.append(element("span", `${seen.duration_ms.toFixed(1)} ms`, "soft"));
  part.append(head);
  part.addEventListener("toggle", () => {
    if (!part.open || part.dataset.built) return;
    part.dataset.built = "yes";
    if (seen.repeat) part.append(element("pre", seen.repeat));
    if (Object.keys(seen.request).length) part.append(element("pre", shown(seen.request)));
    part.append(element("pre", shown(seen.answer)));
  });
  return part;
}

function build(check) {
  const data = check.querySelector("script[type='application/json']");
  if (!data || check.dataset.built) return;
  check.dataset.built = "yes";
  for (const seen of JSON.parse(data.textContent)) check.append(observation(seen));
}

function opened(check) {
  check.open = true;
  build(check);
}

for (const check of checks) {
  check.addEventListener("toggle", () => check.open && build(check));
  if (check.open) build(check);
}

function follow() {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!wanted) return;
  if (wanted.dataset.check !== undefined) {
    reset();
    opened(wanted);
  }
  wanted.scrollIntoView();
}

const search = document.getElementById("search");
const outcomes = [...document.querySelectorAll("input[name=outcome]")];
const told = document.getElementById("told");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = new Set(outcomes.filter((box) => box.checked).map((box) => box.value));
  let count = 0;
  for (const check of checks) {
    const text = check.dataset.text;
    const fits = chosen.has(check.dataset.outcome) && words.every((word) => text.includes(word));
    check.classList.toggle("hidden", !fits);
    count += fits ? 1 : 0;
  }
  for (const suite of document.querySelectorAll("section[data-suite]")) {
    suite.classList.toggle("hidden", !suite.querySelector("details[data-check]:not(.hidden)"));
  }
  told.textContent = `${count} of ${checks.length} checks`;
}

function reset() {
  search.value = "";
  for (const box of outcomes) box.checked = true;
  filter();
}

search.addEventListener("input", filter);
for (const box of outcomes) box.addEventListener("change", filter);
addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && document.activeElement === search) {
    reset();
  }
});
filter();
follow();
