// Walks the pages as people do: node walk.mjs URL COUNTY_TOKEN STATE_TOKEN FOLDER
// Prints one JSON object: {"problems": [...], "steps": n}. Screenshots go to
// FOLDER. Scripts are off for the walk, and on for axe alone.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , base, county, state, folder] = process.argv;
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const problems = [];
let steps = 0;
const must = (ok, what) => { steps++; if (!ok) problems.push(what); };
const number = (text) => Number(text.replaceAll(",", "").replace("−", "-"));

const browser = await chromium.launch({ executablePath: process.env.DOSEBOOK_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const as = (token, options = {}) => browser.newContext({ viewport: { width: 1280, height: 900 }, extraHTTPHeaders: { Authorization: "Bearer " + token }, ...options });

// A county's epidemiologist, without scripts.
{
  const context = await as(county, { javaScriptEnabled: false, acceptDownloads: true });
  const page = await context.newPage();
  const asked = new Set();
  page.on("request", (r) => asked.add(new URL(r.url()).origin));
  await page.goto(base + "/overview");
  await page.getByRole("link", { name: "Los Angeles", exact: true }).click();
  must(await page.getByRole("heading", { level: 1, name: "Los Angeles County" }).isVisible(), "the county's page has its name");
  const figure = page.locator("section#coverage a").first();
  const value = number(await figure.innerText());
  await figure.click();
  must(await page.getByRole("heading", { level: 1, name: "Rows behind a figure" }).isVisible(), "a figure leads to its rows");
  must(number(await page.locator("dl.figures dd").first().innerText()) === value, "the rows' count is the figure");
  const path = await page.getByRole("link", { name: /^Download these/ }).getAttribute("href");
  const file = await (await context.request.get(base + path)).body();
  const hash = createHash("sha256").update(file).digest("hex");
  must((await page.content()).includes(hash), "the file has the hash that the page tells");
  await page.goto(base + "/counties/06037");
  const row = page.locator("section#download tbody tr", { hasText: "parquet" }).first();
  const parquet = await (await context.request.get(base + (await row.getByRole("link").getAttribute("href")))).body();
  must((await row.innerText()).includes(createHash("sha256").update(parquet).digest("hex")), "a released file has the hash that the page tells");
  const foreign = await page.goto(base + "/counties/06001");
  must(foreign.status() === 403 && (await page.locator("table").count()) === 0, "a foreign county is refused");
  must(asked.size === 1, "requests to elsewhere: " + [...asked].join(" "));
  await context.close();
}

// Every page, at each width and scheme: axe, no cut, nothing undefined.
const pages = [["county", county, "/counties/06037"], ["city", county, "/counties/long-beach"], ["mine", county, "/overview"], ["overview", state, "/overview"],
  ["quality", state, "/quality"], ["releases", state, "/releases"], ["access", state, "/access"], ["refused", county, "/quality"]];
for (const [width, scheme] of [[1280, "light"], [390, "dark"]]) {
  for (const [name, token, path] of pages) {
    const context = await as(token, { viewport: { width, height: 900 }, colorScheme: scheme, bypassCSP: true });
    const page = await context.newPage();
    page.on("console", (m) => m.type() === "error" && name !== "refused" && problems.push(`${name}: ${m.text()}`));
    await page.goto(base + path, { waitUntil: "load" });
    if (name === "releases") await page.locator("tbody a").first().click();
    const text = await page.locator("body").innerText();
    must(!/undefined|NaN|<nil>|ZgotmplZ/.test(text), `${name}: undefined`);
    must(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} at ${width}: wider than the window`);
    const cut = await page.evaluate(() => [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll, pre, svg, .skip") && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + " " + e.textContent.slice(0, 30)));
    must(cut.length === 0, `${name} at ${width}: cut: ${cut.slice(0, 3).join("; ")}`);
    await page.addScriptTag({ path: axe });
    const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
    must(found.violations.length === 0, `${name} ${width} ${scheme}: ` + found.violations.map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 120)}`).join("; "));
    await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify({ steps, problems }));
