"use strict";
(() => {
  const main = document.querySelector("main");
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const element = (name, ...classes) => {
    const made = document.createElement(name);
    made.className = classes.join(" ");
    return made;
  };

  // Row, line and dot: whatever bears the same mark lights up together; a click keeps it lit.
  const marked = new Map();
  for (const one of all("[data-mark]")) {
    const others = marked.get(one.dataset.mark) || [];
    marked.set(one.dataset.mark, [...others, one]);
  }
  const tip = main.appendChild(element("div", "tip"));
  let kept = null;
  const light = mark => {
    main.classList.toggle("lit", mark !== null);
    all(".hot").forEach(one => one.classList.remove("hot"));
    (marked.get(mark) || []).forEach(one => one.classList.add("hot"));
  };
  const words = mark => {
    const row = (marked.get(mark) || []).find(one => one.tagName === "TR");
    if (!row) return "";
    const heads = all("th", row.closest("table"));
    return all("td", row).slice(0, 6).map((cell, at) => {
      const name = heads[at].dataset.name || "", text = cell.textContent.trim();
      return !text ? "" : cell.classList.contains("w") ? text : name ? `${name} ${text}` : `${text}.`;
    }).filter(Boolean).join(" · ");
  };
  const place = (event, text) => {
    tip.textContent = text;
    tip.style.display = text ? "block" : "none";
    if (!text) return;
    const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = event.clientY + 18 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? event.clientY + 18 : event.clientY - tip.offsetHeight - 10}px`;
  };
  const markAt = event => event.target.closest("[data-mark]");
  main.addEventListener("pointermove", event => {
    if (event.pointerType === "touch") return;
    const one = markAt(event), titled = event.target.closest("[data-tip]");
    light(one ? one.dataset.mark : kept);
    place(event, titled ? titled.dataset.tip : one && one.closest("svg") ? words(one.dataset.mark) : "");
  });
  main.addEventListener("pointerleave", event => { light(kept); place(event, ""); });
  main.addEventListener("click", event => {
    if (event.target.closest("a,summary,button,input,th")) return;
    const one = markAt(event), titled = event.target.closest("[data-tip]");
    const mark = one ? one.dataset.mark : null;
    kept = mark === kept ? null : mark;
    light(kept);
    place(event, titled ? titled.dataset.tip : kept && one.closest("svg") ? words(kept) : "");
  });
  for (const one of all("svg [data-mark] > path")) {  // thin lines are easier to meet
    const wide = one.cloneNode();
    wide.setAttribute("style", "fill:none;stroke:transparent;stroke-width:9");
    one.after(wide);
  }

  // A table and what is folded below it are one: sorted and filtered together.
  const number = text => parseFloat(text.replace("−", "-").replace(/[+,]/g, ""));
  const compare = (at, name) => (one, other) => {
    const [a, b] = [one, other].map(row => row.cells[at].textContent.trim());
    if (name) return a.localeCompare(b, undefined, { numeric: true });
    const [x, y] = [number(a), number(b)];
    return Number.isNaN(x) ? Number.isNaN(y) ? 0 : 1 : Number.isNaN(y) ? -1 : x - y;
  };
  for (const board of all(".board")) {
    const tables = all("table", board), first = tables[0].tBodies[0].rows.length;
    if (tables.some(table => table.rows[0].cells.length !== tables[0].rows[0].cells.length)) continue;
    const rows = tables.flatMap(table => [...table.tBodies[0].rows]);
    const show = sorted => sorted.forEach((row, at) => tables[at < first ? 0 : 1].tBodies[0].append(row));
    const heads = all("th", tables[0]);
    tables.forEach(table => all("th", table).forEach(head => {
      head.dataset.name = head.textContent.replace("↓", "").trim();
    }));
    heads.forEach((head, at) => {
      const started = head.textContent.includes("↓"), button = element("button");
      button.type = "button";
      button.textContent = head.dataset.name || "#";
      head.replaceChildren(button);
      if (started) head.setAttribute("aria-sort", "descending");
      button.addEventListener("click", () => {
        const name = head.classList.contains("w"), was = head.getAttribute("aria-sort");
        const down = was ? was === "ascending" : !name && at > 0;
        const by = compare(at, name), kept = [...rows].sort(by);
        const told = kept.filter(row => name || !Number.isNaN(number(row.cells[at].textContent)));
        const untold = kept.filter(row => !told.includes(row));
        heads.forEach(one => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        show([...(down ? told.reverse() : told), ...untold]);
      });
    });
    if (rows.length < 4) continue;
    const field = element("input", "filter"), count = element("span", "note");
    field.type = "search";
    field.placeholder = "filter rows, e.g. a task or a value";
    field.setAttribute("aria-label", "filter the rows of this table");
    const bar = element("div", "bar");
    bar.append(field, count);
    board.prepend(bar);
    field.addEventListener("input", () => {
      const asked = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const out = rows.filter(row => !asked.every(word => row.textContent.toLowerCase().includes(word)));
      rows.forEach(row => { row.hidden = out.includes(row); });
      const left = new Set(rows.filter(row => !row.hidden).map(row => row.dataset.mark));
      marked.forEach((many, mark) => many.forEach(one => {
        if (one.tagName !== "TR") one.classList.toggle("out", Boolean(asked.length) && !left.has(mark));
      }));
      count.textContent = asked.length ? `${rows.length - out.length} of ${rows.length}` : "";
      const fold = tables[1] && tables[1].closest("details");
      if (fold && asked.length) fold.open = true;
    });
  }

  // Commands can be copied.
  if (navigator.clipboard) for (const one of all("pre")) {
    const button = element("button", "copy"), text = one.textContent;
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", () => navigator.clipboard.writeText(text).then(() => {
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    }));
    one.before(button);
  }
})();
