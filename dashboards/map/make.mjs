// Makes counties.tsv: California's 58 counties as SVG paths, from us-atlas
// (counties-10m.json: U.S. Census Bureau cartographic boundaries of 2017, public
// domain; us-atlas is ISC licensed). Albers' equal-area projection with
// California's parallels (EPSG:3310), 0.1 units to the point.
//
//   node make.mjs node_modules/us-atlas/counties-10m.json > counties.tsv
import { readFileSync } from "node:fs";

const atlas = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { scale, translate } = atlas.transform;
const rad = Math.PI / 180;
const [p1, p2, lat0, lon0] = [34 * rad, 40.5 * rad, 37.2 * rad, -120 * rad];
const n = (Math.sin(p1) + Math.sin(p2)) / 2;
const c = Math.cos(p1) ** 2 + 2 * n * Math.sin(p1);
const rho = (lat) => Math.sqrt(c - 2 * n * Math.sin(lat)) / n;
const project = ([lon, lat]) => {
  const theta = n * (lon * rad - lon0);
  return [rho(lat * rad) * Math.sin(theta), rho(lat0) - rho(lat * rad) * Math.cos(theta)];
};
const arcs = atlas.arcs.map((arc) => {
  let x = 0, y = 0;
  return arc.map(([dx, dy]) => {
    x += dx;
    y += dy;
    return project([x * scale[0] + translate[0], y * scale[1] + translate[1]]);
  });
});
const ring = (ids) => ids.flatMap((id, i) => {
  const points = id < 0 ? arcs[~id].slice().reverse() : arcs[id];
  return i ? points.slice(1) : points;
});
const counties = atlas.objects.counties.geometries
  .filter((g) => g.id.startsWith("06"))
  .sort((a, b) => (a.id < b.id ? -1 : 1))
  .map((g) => ({ id: g.id, rings: (g.type === "Polygon" ? [g.arcs] : g.arcs).flat().map(ring) }));

const all = counties.flatMap((g) => g.rings.flat());
const left = Math.min(...all.map((p) => p[0])), top = Math.min(...all.map((p) => -p[1]));
const height = Math.max(...all.map((p) => -p[1])) - top;
const k = 480 / height;
const at = ([x, y]) => [((x - left) * k).toFixed(1), ((-y - top) * k).toFixed(1)].map(Number);
console.log("# Made by make.mjs from us-atlas 3.0.1 (ISC; Census Bureau boundaries, public domain). FIPS, SVG path.");
for (const g of counties) {
  const d = g.rings.map((r) => {
    const points = r.map(at).filter((p, i, a) => !i || p[0] !== a[i - 1][0] || p[1] !== a[i - 1][1]);
    return "M" + points.map((p) => p.join(",")).join("L") + "Z";
  });
  console.log(g.id + "\t" + d.filter((s) => s.length > 24).join(""));
}
