// Walks the pages as people do: node walk.mjs URL FOLDER
// DOSEBOOK_WALK holds, as JSON, the sessions' cookies of people by name and the
// id of a release. Prints one JSON object: {"problems": [...], "steps": n}.
// Scripts are off for the walk, and on for axe alone. As it is, axe reads each page once, in one of two looks, and of long tables the beginning.
// DOSEBOOK_LOOKS=2 to 4 is the long form: axe reads all of every page in so many looks, and a screenshot of each goes to FOLDER, one as printed too.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , base, folder] = process.argv;
const { people, release } = JSON.parse(process.env.DOSEBOOK_WALK);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const problems = [];
let steps = 0;
const must = (ok, what) => { steps++; if (!ok) problems.push(what); };
const number = (text) => Number(text.replaceAll(",", "").replace("−", "-"));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const browser = await chromium.launch({ executablePath: process.env.DOSEBOOK_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });

// as opens a browser of a person; nobody without a name.
async function as(who, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", ...options });
  if (who) await context.addCookies([{ name: "dosebook", value: people[who], url: base }]);
  return context;
}

// walk runs a person's way without scripts; what it throws is a problem.
async function walk(who, way) {
  const context = await as(who, { javaScriptEnabled: false, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const asked = new Set();
  page.on("request", (r) => asked.add(new URL(r.url()).origin));
  try {
    await way(page, context);
    must(asked.size === 1, `${who}: requests to elsewhere: ${[...asked].join(" ")}`);
  } catch (e) {
    problems.push(`${who || "nobody"} at ${page.url()}: ${e.message} ${(await page.locator("main").innerText().catch(() => "")).slice(0, 200)}`);
  }
  await context.close();
}

// wishFor fills in the form of a request and sends it.
async function wishFor(page, places, purpose) {
  const form = page.locator('form[action="/access/requests"]');
  await form.locator("[name=place]").selectOption(places);
  await form.locator("[name=level]").selectOption("limited");
  await form.locator("[name=agreement]").fill("26-10847");
  await form.locator("[name=training]").fill("2026-08-14");
  await form.locator("[name=purpose]").fill(purpose);
  await form.getByRole("button", { name: "Ask" }).click();
}

// A county's epidemiologist: a county, a figure, its rows, the files.
await walk("county", async (page, context) => {
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
  must((await page.content()).includes(sha256(file)), "the file has the hash that the page tells");
  await page.goto(base + "/counties/06037");
  const row = page.locator("section#download tbody tr", { hasText: "parquet" }).first();
  const parquet = await (await context.request.get(base + (await row.getByRole("link").getAttribute("href")))).body();
  must((await row.innerText()).includes(sha256(parquet)), "a released file has the hash that the page tells");
  for (const words of ["Residents dosed elsewhere", "Others dosed here", "Corrections since the last release"]) must((await page.content()).includes(words), `the county's page has: ${words}`);
  for (const words of ["Command line", "R", "Python"]) must(await page.locator("section#download h3", { hasText: new RegExp(`^${words}$`) }).isVisible(), `the county's page has the lines for ${words}`);
  const foreign = await page.goto(base + "/counties/06001");
  must(foreign.status() === 403 && (await page.locator("table").count()) === 0, "a foreign county is refused");
});

// Somebody new asks; a steward approves, but not their own; then it opens.
await walk("new", async (page) => {
  must((await page.goto(base + "/counties/06001")).status() === 403, "without a grant nothing is shown");
  await page.goto(base + "/access");
  await wishFor(page, ["06001", "berkeley"], "coverage by school district");
  must(await page.getByRole("status").isVisible(), "the request waits");
  must((await page.locator("section#ask tbody").innerText()).includes("Alameda"), "one's own request is listed");
  must((await page.locator("section#waiting").count()) === 0, "who is no steward decides nothing");
});
await walk("steward", async (page) => {
  await page.goto(base + "/access");
  const wish = page.locator("article.wish", { hasText: "new@example.org" });
  await wish.getByLabel("Reason").fill("the board's agreement of July");
  await wish.getByRole("button", { name: "Approve" }).click();
  must((await page.getByRole("status").innerText()).includes("approved"), "the steward approves");
  await wishFor(page, "all", "my own wish");
  const own = page.locator("article.wish", { hasText: "my own wish" });
  must((await own.innerText()).includes("Another steward decides") && (await own.locator("form").count()) === 0, "nobody decides for themself");
});
await walk("new", async (page, context) => {
  await page.goto(base + "/overview");
  await page.getByRole("link", { name: "Alameda", exact: true }).click();
  must(await page.getByRole("heading", { level: 1, name: "Alameda County" }).isVisible(), "what was approved opens");
  await page.goto(base + "/access");
  await page.getByLabel("Name of the new token").fill("nightly pull");
  await page.getByRole("button", { name: "Make a token" }).click();
  const token = (await page.locator("section#fresh pre").innerText()).trim();
  const read = () => fetch(base + "/api/v1/releases", { headers: { Authorization: "Bearer " + token } }).then((r) => r.status);
  must(token.startsWith("dbk_") && (await read()) === 200, "a token is made and works");
  await page.goto(base + "/access");
  must(!(await page.content()).includes(token), "a token is shown once");
  await page.getByRole("button", { name: /^Revoke/ }).first().click();
  must((await read()) === 401, "a revoked token ends at once");
  await page.goto(base + "/access"); // one that lives, for the looks below
  await page.getByLabel("Name of the new token").fill("weekly pull");
  await page.getByRole("button", { name: "Make a token" }).click();
  const forged = await context.request.post(base + "/access/tokens", { form: { name: "x", days: "9" }, headers: { Origin: base, "Sec-Fetch-Site": "same-origin" } });
  must(forged.status() === 403, `a form from no page: ${forged.status()}`);
});

// A steward holds a release and approves it again; a county can't.
await walk("steward", async (page) => {
  await page.goto(base + "/releases/" + release);
  await page.getByLabel("Reason").fill("a recall was announced");
  await page.getByRole("button", { name: "Hold" }).click();
  must((await page.locator("section#decisions").innerText()).includes("a recall was announced"), "the reason is kept");
  await page.goto(base + "/overview");
});
await walk("county", async (page) => {
  must([403, 404, 409].includes((await page.goto(base + "/releases/" + release + "/counties/06037")).status()), "a held release is not a county's");
});
await walk("steward", async (page) => {
  await page.goto(base + "/releases/" + release);
  await page.getByLabel("Reason").fill("it concerns another lot");
  await page.getByRole("button", { name: "Approve" }).click();
  must((await page.locator("section#decisions").innerText()).includes("it concerns another lot"), "the steward approves the release");
});
await walk("county", async (page) => {
  must((await page.goto(base + "/releases/" + release)).status() === 200 && (await page.locator("section#decide").count()) === 0, "a county sees it again, and decides nothing");
});

// Anybody: the public tables, in both languages.
await walk(undefined, async (page) => {
  await page.goto(base + "/public");
  must((await page.locator("html").getAttribute("lang")) === "en", "the public page is English");
  await page.getByRole("link", { name: "Español" }).click();
  must((await page.locator("html").getAttribute("lang")) === "es" && (await page.getByRole("heading", { level: 2, name: "Condados" }).isVisible()), "and Spanish");
  await page.getByRole("link", { name: "Alameda", exact: true }).click();
  must((await page.locator(".veil").count()) > 1, "what is hidden is marked");
  must((await page.goto(base + "/public/1999-01-01")).status() === 404, "a day without a publication is not there");
});

// Every page, at each width and scheme: axe, no cut, nothing undefined.
const pages = [["county", "county", "/counties/06037"], ["city", "county", "/counties/long-beach"], ["mine", "county", "/overview"], ["overview", "steward", "/overview"],
  ["rows", "county", "/counties/06037", "section#coverage a"], ["quality", "steward", "/quality"], ["releases", "steward", "/releases"], ["release", "steward", "/releases/" + release],
  ["access", "steward", "/access"], ["access-new", "new", "/access"], ["refused", "county", "/quality"], ["home", undefined, "/"],
  ["public", undefined, "/public"], ["publico", undefined, "/publico"], ["public-county", undefined, "/public/latest/06037"], ["publico-condado", undefined, "/publico/latest/06003"]];
const long = Boolean(process.env.DOSEBOOK_LOOKS);
const looks = [[1280, "light"], [390, "dark"], [1280, "dark"], [390, "light"]].slice(0, Number(process.env.DOSEBOOK_LOOKS || 2));
const some = new RegExp(process.env.DOSEBOOK_PAGES || ".");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
async function look(page, [name, , path, follow], at, width, scheme, withAxe) {
  page.on("console", (m) => m.type() === "error" && name !== "refused" && problems.push(`${name}: ${m.text()}`));
  await page.goto(base + path, { waitUntil: "load", timeout: 120_000 });
  if (follow) await page.locator(follow).first().click();
  const text = await page.locator("body").innerText();
  must(!/undefined|NaN|<nil>|ZgotmplZ|%!/.test(text), `${name}: undefined`);
  must(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} at ${width}: wider than the window`);
  const cut = await page.evaluate(() => [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll, pre, svg, .skip") && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + " " + e.textContent.slice(0, 30)));
  must(cut.length === 0, `${name} at ${width}: cut: ${cut.slice(0, 3).join("; ")}`);
  if (scheme === "light") { // the keyboard reaches the skip link first, and all that can be pressed
    await page.keyboard.press("Tab");
    must(await page.evaluate(() => document.activeElement?.classList.contains("skip") || location.pathname === "/"), `${name}: the first Tab is the way past the navigation`);
    await page.evaluate(() => document.activeElement?.blur()); // shown, that link lies over others
  }
  if (withAxe) {
    await page.addScriptTag({ path: axe });
    const exclude = long ? [] : [["tbody tr:nth-child(n+9)"]];
    const found = await page.evaluate(([runOnly, exclude]) => globalThis.axe.run({ exclude }, { runOnly, resultTypes: ["violations"] }), [rules, exclude]);
    must(found.violations.length === 0, `${name} ${width} ${scheme}: ` + found.violations.map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 120)}`).join("; "));
  }
  if (!long) return;
  await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
  if (at > 0) return;
  await page.setViewportSize({ width: 720, height: 960 }); // Letter paper within its margins
  await page.emulateMedia({ media: "print" });
  must(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} printed: wider than the paper`);
  await page.screenshot({ path: join(folder, `${name}-print.png`), fullPage: true });
}
for (const [at, [width, scheme]] of looks.entries()) {
  for (const [i, one] of pages.filter(([name]) => some.test(name)).entries()) {
    const context = await as(one[1], { viewport: { width, height: 900 }, colorScheme: scheme, bypassCSP: true });
    await look(await context.newPage(), one, at, width, scheme, long || i % 2 === at % 2).catch((e) => problems.push(`${one[0]} ${width} ${scheme}: ${e.message}`));
    await context.close();
  }
}
// The pictures of docs/img, when they are asked for: the top of some pages.
const pictures = [["overview", "steward", "/overview", 1280, 900, "light"], ["county", "county", "/counties/06037", 1280, 1000, "light"],
  ["county-phone", "county", "/counties/06037", 390, 900, "dark"], ["public", undefined, "/public", 1280, 1100, "light"], ["publico-phone", undefined, "/publico", 390, 900, "dark"]];
for (const [name, who, path, width, height, colorScheme] of process.env.DOSEBOOK_DOC_IMAGES ? pictures : []) {
  const context = await as(who, { viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  await page.goto(base + path);
  await page.screenshot({ path: join(process.env.DOSEBOOK_DOC_IMAGES, `${name}.png`) });
  await context.close();
}
await browser.close();
console.log(JSON.stringify({ steps, problems }));
