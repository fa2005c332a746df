(() => {
  const table = document.querySelector("table.matrix");
  if (!table) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const panel = document.getElementById("panel");
  const search = document.getElementById("search");
  const switches = ["differences", "unexpected"].map((name) => [name, document.getElementById(`only-${name}`)]);
  const folds = [...table.querySelectorAll("input.fold")];
  const rows = [...table.querySelectorAll("tr.check")];
  const areaOf = (fold) => fold.closest("tbody").dataset.area;
  let selected = null;

  // Elements are made of text only: nothing that a guest printed is ever parsed as HTML.
  const make = (tag, className, ...content) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...content);
    return element;
  };

  // Filters

  const visible = (row) => row.offsetParent !== null;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.text.includes(word));
    for (const body of table.tBodies) body.hidden = !body.querySelector("tr.check:not([hidden])");
    const wanted = rows.filter((row) => !row.hidden
      && switches.every(([name, box]) => !box.checked
        || (name === "differences" ? "differs" : "alarming") in row.dataset)).length;
    document.getElementById("shown").textContent =
      wanted === rows.length ? `${rows.length} checks` : `${wanted} of ${rows.length} checks`;
    table.classList.toggle("empty", wanted === 0);
  }

  // State in the address

  function keep() {
    const state = new URLSearchParams();
    if (search.value) state.set("q", search.value);
    const only = switches.filter(([, box]) => box.checked).map(([name]) => name);
    if (only.length) state.set("only", only.join(","));
    const folded = folds.filter((fold) => !fold.checked).map(areaOf);
    if (folded.length) state.set("folded", folded.join(","));
    if (selected && !panel.hidden) {
      state.set("cell", [selected.parentElement.dataset.check, selected.dataset.kernel, selected.dataset.subject].join("@"));
    }
    const hash = state.toString().replaceAll("%2F", "/").replaceAll("%40", "@").replaceAll("%2C", ",");
    // Replaced, not pushed: "back" leaves the page. Some browsers refuse this for files.
    try { history.replaceState(null, "", hash ? `#${hash}` : "#"); } catch { /* the page works without */ }
  }

  function restore() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target) {
      for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
      target.scrollIntoView();
      return;
    }
    const state = new URLSearchParams(location.hash.slice(1));
    const list = (name) => (state.get(name) || "").split(",");
    search.value = state.get("q") || "";
    for (const [name, box] of switches) box.checked = list("only").includes(name);
    for (const fold of folds) fold.checked = !list("folded").includes(areaOf(fold));
    filter();
    const wanted = state.get("cell");
    const found = wanted && rows.flatMap((row) => [...row.querySelectorAll("td[data-kernel]")])
      .find((cell) => [cell.parentElement.dataset.check, cell.dataset.kernel, cell.dataset.subject].join("@") === wanted);
    if (found) open(found);
    else close();
  }

  // The panel of a cell

  function section({ label, text, form }) {
    const shown = make("dd", "");
    if (form === "command") {
      const button = make("button", "copy", "Copy");
      button.type = "button";
      shown.append(make("div", "command", make("pre", "", make("code", "", text)), button));
    } else {
      const element = make(form === "code" ? "pre" : "bdi", form === "code" ? "log" : "", text);
      if (form === "code") element.tabIndex = 0;
      shown.append(element);
    }
    return [make("dt", "", label), shown];
  }

  const list = (sections) => make("dl", "sections", ...sections.flatMap(section));

  function details(cell) {
    const { kernel, subject } = cell.dataset;
    const known = data.cells[[cell.parentElement.dataset.check, kernel, subject].join("\n")];
    const own = typeof known === "string"
      ? document.querySelector(`#${known} > dl`).cloneNode(true)
      : list(known || []);
    const has = new Set([...own.querySelectorAll("dt")].map((term) => term.textContent));
    const guest = (data.guests[[kernel, subject].join("\n")] || []).filter(({ label }) => !has.has(label));
    return [own, list(guest)];
  }

  function open(cell) {
    select(cell);
    const row = cell.parentElement;
    const kind = cell.className.match(/k-\S+/)[0];
    const closing = make("button", "close", "✕");
    closing.type = "button";
    closing.ariaLabel = "Close";
    closing.addEventListener("click", () => { close(); keep(); selected.focus(); });
    const link = cell.querySelector("a");
    const title = make("p", "", make("span", `mark ${kind}`, cell.textContent.trim()), ` ${link ? link.title : "as expected"}`);
    panel.replaceChildren(
      make("header", "", make("div", "", make("h2", "", row.dataset.check),
        make("p", "meta", `${cell.dataset.kernel} · ${cell.dataset.subject}`), title), closing),
      ...details(cell),
    );
    panel.hidden = false;
    panel.scrollTop = 0;
    document.documentElement.classList.add("panel-open");
    reveal(cell);
    keep();
  }

  function close() {
    panel.hidden = true;
    document.documentElement.classList.remove("panel-open");
    if (selected) selected.classList.remove("selected");
  }

  // The keyboard: one stop for Tab, arrows within

  function select(cell) {
    if (selected) { selected.tabIndex = -1; selected.classList.remove("selected"); }
    selected = cell;
    cell.tabIndex = 0;
    cell.classList.add("selected");
    reveal(cell);
  }

  const reveal = (cell) => cell.scrollIntoView({ block: "nearest", inline: "nearest" });

  function move(cell, down, right) {
    const shown = rows.filter(visible);
    const row = shown[shown.indexOf(cell.parentElement) + down];
    const next = row && row.cells[cell.cellIndex + right];
    if (!next || next.tagName !== "TD") return;
    select(next);
    next.focus({ preventScroll: true });
    if (!panel.hidden && next.dataset.kernel) open(next);
  }

  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tr.check td");
    if (!cell) return;
    if (event.key in MOVES) move(cell, ...MOVES[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && cell.dataset.kernel) open(cell);
    else return;
    event.preventDefault();
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-kernel]");
    if (!cell || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(cell);
    cell.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    close();
    keep();
    selected.focus();
  });
  for (const cell of table.querySelectorAll("tr.check td")) cell.tabIndex = -1;
  for (const link of table.querySelectorAll("td a")) link.tabIndex = -1;
  const first = table.querySelector("td[data-kernel]");
  if (first) { first.tabIndex = 0; selected = first; }

  document.querySelector("form.filters").addEventListener("submit", (event) => event.preventDefault());
  for (const input of [search, ...switches.map(([, box]) => box), ...folds]) {
    input.addEventListener("input", () => { filter(); keep(); });
  }
  addEventListener("hashchange", restore);
  restore();
})();
