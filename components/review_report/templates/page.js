"use strict";
// Sorting, filtering and choosing. Without a script, everything is on the page, in reading order.
(() => {
  const table = document.getElementById("metrics-table");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({
    row,
    slice: row.cells[0].textContent.toLowerCase(),
    head: row.cells[1].textContent,
    metric: row.cells[2].textContent,
  }));
  const form = document.getElementById("metrics-filter");
  const told = document.getElementById("metrics-shown");
  const filter = () => {
    const { words, head, metric } = form.elements;
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const right = (!head.value || one.head === head.value) && (!metric.value || one.metric === metric.value);
      one.row.hidden = !(right && asked.every((word) => one.slice.includes(word)));
      shown += one.row.hidden ? 0 : 1;
    }
    table.classList.toggle("one-head", Boolean(head.value));
    table.classList.toggle("one-metric", Boolean(metric.value));
    told.textContent = `${shown} of ${rows.length} rows`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    const isNumber = heading.classList.contains("n");
    button.addEventListener("click", () => {
      // Numbers begin with the largest, and what has none comes last either way.
      const before = heading.getAttribute("aria-sort");
      const down = before ? before === "ascending" : isNumber;
      const sign = down ? -1 : 1;
      const key = ({ row }) => (isNumber ? Number(row.cells[column].dataset.v ?? NaN) : row.cells[column].textContent);
      const order = (one, other) => {
        const [a, b] = [key(one), key(other)];
        if (!isNumber) return sign * a.localeCompare(b, "en", { numeric: true });
        return Number.isNaN(a) - Number.isNaN(b) || sign * (a - b) || 0;
      };
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...[...rows].sort(order).map(({ row }) => row));
    });
  });

  const choice = document.getElementById("gallery-choice");
  if (choice) {
    const rest = document.getElementById("gallery-rest");
    const cards = [...rest.children].map((card) => ({ card, places: JSON.parse(card.dataset.places) }));
    const said = document.getElementById("gallery-shown");
    const choose = () => {
      const number = choice.elements.slice.value;
      const chosen = cards.filter(({ places }) => number in places);
      for (const kind of ["worst", "median", "best"]) {
        const those = chosen.filter(({ places }) => places[number][0] === kind);
        those.sort((one, other) => one.places[number][1] - other.places[number][1]);
        document.querySelector(`[data-kind="${kind}"]`).replaceChildren(...those.map(({ card }) => card));
        document.querySelector(`[data-heading="${kind}"]`).hidden = !those.length;
      }
      rest.replaceChildren();
      said.textContent = `${chosen.length} picture${chosen.length === 1 ? "" : "s"}`;
    };
    choice.hidden = false;
    choice.addEventListener("input", choose);
    choice.addEventListener("submit", (event) => event.preventDefault());
    choose();
  }

  for (const section of document.querySelectorAll("#pictures, #differences")) {
    const show = (view) => {
      section.className = `part shows-${view}`;
    };
    section.addEventListener("input", (event) => {
      if (event.target.type === "radio") show(event.target.value);
    });
    // A reloaded page may remember another choice than the first.
    const checked = section.querySelector("input[type=radio]:checked");
    if (checked) show(checked.value);
  }

  const dialog = document.getElementById("enlarged");
  document.addEventListener("click", (event) => {
    const picture = event.target.closest("section .picture");
    if (picture) {
      const figure = picture.closest("figure").cloneNode(true);
      const button = figure.querySelector(".picture");
      const still = document.createElement("div");
      still.className = "picture";
      still.append(...button.childNodes);
      button.replaceWith(still);
      const sheet = dialog.querySelector(".sheet");
      sheet.className = `sheet ${picture.closest("section").className.replace("part", "")}`;
      sheet.replaceChildren(figure);
      dialog.showModal();
    } else if (event.target === dialog) {
      dialog.close();
    }
  });

  for (const button of document.querySelectorAll(".copy")) {
    // A file that was opened from the disk may not write to the clipboard everywhere.
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.text);
      button.textContent = "Copied";
    });
  }
})();
