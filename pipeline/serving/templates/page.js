"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { model, maxBytes } = document.body.dataset;
  const picture = byId("picture");
  const overlay = byId("overlay");
  const box = byId("box");
  const tint = [255, 64, 64];
  let asked = 0;
  let sampleSeed = 0;

  const tell = (text, bad = false) => {
    byId("told").textContent = text;
    byId("told").classList.toggle("bad", bad);
  };

  const readAnswer = async (response) => {
    const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
    if (!response.ok) throw new Error(answer.error);
    return answer;
  };

  const decoded = (png) =>
    new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = () => reject(new Error("the mask cannot be shown"));
      image.src = `data:image/png;base64,${png}`;
    });

  const drawMask = async (answer) => {
    // Which also clears it.
    overlay.width = answer.width;
    overlay.height = answer.height;
    const mask = await decoded(answer.mask_png_bytes);
    const pen = overlay.getContext("2d", { willReadFrequently: true });
    pen.drawImage(mask, 0, 0);
    const pixels = pen.getImageData(0, 0, overlay.width, overlay.height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      const ship = pixels.data[at] > 127;
      pixels.data.set([...tint, ship ? 140 : 0], at);
    }
    pen.putImageData(pixels, 0, 0);
    pen.strokeStyle = `rgb(${tint})`;
    // Seen on a phone, where a large picture is drawn small.
    pen.lineWidth = Math.max(1, answer.width / Math.max(picture.clientWidth, 1));
    pen.beginPath();
    for (const { geometry } of answer.ships) {
      const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
      for (const [first, ...corners] of polygons.flat()) {
        pen.moveTo(...first);
        for (const corner of corners) pen.lineTo(...corner);
      }
    }
    pen.stroke();
  };

  const showBox = (ship, answer) => {
    box.hidden = !ship;
    if (!ship) return;
    box.style.left = `${(100 * ship.left) / answer.width}%`;
    box.style.top = `${(100 * ship.top) / answer.height}%`;
    box.style.width = `${(100 * ship.width) / answer.width}%`;
    box.style.height = `${(100 * ship.height) / answer.height}%`;
  };

  const listShips = (answer) => {
    const rows = answer.ships.map((ship, index) => {
      const row = document.createElement("tr");
      const name = document.createElement("td");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${index + 1}`;
      button.setAttribute("aria-label", `Show ship ${index + 1}`);
      for (const event of ["focus", "click"]) button.addEventListener(event, () => showBox(ship, answer));
      row.addEventListener("mouseenter", () => showBox(ship, answer));
      row.addEventListener("mouseleave", () => showBox(null));
      name.append(button);
      row.append(name);
      for (const value of [ship.area_px, ship.left, ship.top, ship.width, ship.height]) {
        const cell = document.createElement("td");
        cell.className = "n";
        cell.textContent = value.toLocaleString("en");
        row.append(cell);
      }
      return row;
    });
    byId("ships").replaceChildren(...rows);
    byId("list").hidden = !rows.length;
  };

  // A cell of a CSV file: quoted, so that a comma in a name stays in it.
  const cell = (text) => `"${text.replaceAll('"', '""')}"`;

  const offer = (link, text, type, name) => {
    if (link.href) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
  };

  const asRle = (answer, name) => {
    const runs = answer.ships.length ? answer.ships.map((ship) => ship.encoded) : [""];
    return `ImageId,EncodedPixels\n${runs.map((encoded) => `${cell(name)},${encoded}\n`).join("")}`;
  };

  // The features that `ships predict --format geojson` writes of an image without a place on earth.
  const asGeoJson = (answer, name) => {
    const features = answer.ships.map((ship) => ({
      type: "Feature",
      geometry: ship.geometry,
      properties: {
        image_id: name,
        area_px: ship.area_px,
        score: Number(answer.ship_probability.toPrecision(7)),
        model_version: answer.version,
        coordinates: "pixels",
      },
    }));
    return JSON.stringify({ type: "FeatureCollection", features });
  };

  const offerDownloads = (answer, name) => {
    const stem = name.replace(/\.[^.]*$/, "");
    offer(byId("save-rle"), asRle(answer, name), "text/csv", `${stem}.csv`);
    offer(byId("save-geojson"), asGeoJson(answer, name), "application/geo+json", `${stem}.geojson`);
  };

  const show = async (answer, image, name, milliseconds) => {
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(image);
    picture.alt = `${name}, with ${answer.ships.length} ships found`;
    byId("caption").textContent = `${name}, ${answer.width} x ${answer.height} px`;
    await picture.decode();
    byId("probability").textContent = `${(100 * answer.ship_probability).toFixed(1)} %`;
    byId("count").textContent = answer.ships.length.toLocaleString("en");
    byId("pixels").textContent = answer.ships.reduce((sum, ship) => sum + ship.area_px, 0).toLocaleString("en");
    byId("total").textContent = `${Math.round(milliseconds)} ms`;
    byId("model-time").textContent = `${Math.round(answer.model_ms)} ms of it in the model`;
    byId("answered").textContent = answer.version;
    byId("version").textContent = `version ${answer.version} served`;
    showBox(null);
    listShips(answer);
    offerDownloads(answer, name);
    byId("answer").hidden = false;
    // Its lines are as wide as the picture is shown.
    await drawMask(answer);
  };

  const find = async (image, name) => {
    const number = ++asked;
    byId("answer").hidden = true;
    if (image.size > Number(maxBytes)) {
      tell(`${name} is larger than this server takes.`, true);
      return;
    }
    tell(`Looking for ships in ${name} ...`);
    const begun = performance.now();
    try {
      const headers = { "Content-Type": "application/octet-stream" };
      const answer = await readAnswer(await fetch("find", { method: "POST", headers, body: image }));
      if (number !== asked) return;
      await show(answer, image, name, performance.now() - begun);
      const count = answer.ships.length;
      tell(count ? `Found ${count} ${count === 1 ? "ship" : "ships"} in ${name}.` : `No ship found in ${name}.`);
    } catch (error) {
      if (number === asked) tell(`${name}: ${error.message}`, true);
    }
  };

  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    // So that the same file can be chosen again.
    if (file) find(file, file.name).finally(() => { event.target.value = ""; });
  });
  byId("sample").addEventListener("click", async () => {
    const seed = sampleSeed++;
    tell("Painting a sample ...");
    try {
      const response = await fetch(`sample.jpg?seed=${seed}`);
      if (!response.ok) await readAnswer(response);
      await find(await response.blob(), `sample-${seed}.jpg`);
    } catch (error) {
      tell(`No sample: ${error.message}`, true);
    }
  });
  byId("show").addEventListener("change", (event) => {
    overlay.hidden = !event.target.checked;
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      byId("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    });
  }
  document.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (file) find(file, file.name);
  });

  fetch(`v1/models/${encodeURIComponent(model)}`)
    .then(readAnswer)
    .then(({ model_version_status: versions }) => {
      const served = versions.find(({ state }) => state === "AVAILABLE");
      byId("version").textContent = served ? `version ${served.version} served` : "no version loaded yet";
    })
    .catch((error) => { byId("version").textContent = error.message; });
})();
