/*
 * Chromium before smtpdb-web: the page as a person uses it, without a script,
 * what axe-core finds, and what hostile HTML reaches.  Pictures go to a folder,
 * to be looked at.
 *
 *	node browser.mjs URL SMTP-PORT FOLDER
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

import { cases } from "./hostile.mjs";
import { send } from "./smtp.mjs";

const [url, smtp, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const AT_ONCE = Number(process.env.AT_ONCE || 6);
let passed = 0, failed = 0;

async function test(name, run) {
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`FAIL ${name}: ${error.stack}`);
  }
}

/* 32 pixels of a colour each, so that there is something to see. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFklEQVR4nGNkYPjPAANMcBYDFhYOAAASQAEHs0T4WQAAAABJRU5ErkJggg==";

const mail = (subject, html, from = "Ann Example <ann@a.example>") => `From: ${from}
To: Bob Builder <bob@b.example>
Subject: ${subject}
Date: Thu, 26 Nov 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=n

--n
Content-Type: text/plain; charset=utf-8

The toner in tray 2 will last for about 40 pages.
Order more at https://shop.example/toner?tray=2 today.
--n
Content-Type: multipart/related; boundary=r

--r
Content-Type: text/html; charset=utf-8

${html}
--r
Content-Type: image/png
Content-ID: <pic@x>
Content-Transfer-Encoding: base64

${png}
--r--
--n--
--m
Content-Type: application/pdf; name="order form.pdf"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--m--
`;

const invoice = `<style>body{font-family:sans-serif;color:#222;margin:24px}h1{color:#2563ad}td{padding:4px 16px 4px 0;border-bottom:1px solid #ddd}</style>
<h1>Your order</h1><img src="cid:pic@x" width=64 height=64 alt=logo>
<p>Thank you for ordering. This is what we send, as <a href="https://shop.example/order/7">the shop</a> has it:</p>
<table><tr><td>Toner, black</td><td>2</td><td>118.00</td></tr><tr><td>Paper, A4</td><td>10</td><td>42.50</td></tr></table>`;

/* A server that must hear nothing, of what and of who connects at all. */
const heard = [];
let connections = 0;
const stranger = createServer((request, answer) => {
  heard.push(request.url);
  answer.setHeader("Access-Control-Allow-Origin", "*");
  answer.end("heard");
});
stranger.on("connection", () => { connections += 1; });
await new Promise((ready) => stranger.listen(0, "127.0.0.1", ready));
const strange = `http://127.0.0.1:${stranger.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking"],
});
const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
context.setDefaultTimeout(120000);
const page = await context.newPage();
const troubles = [];
page.on("console", (message) => { if (message.type() === "error") troubles.push(message.text()); });
page.on("pageerror", (error) => troubles.push(String(error)));

const api = async (path, options) => (await fetch(url + path, options)).json();
const rowOf = (subject, on = page) => on.locator(".list tbody tr", { hasText: subject });
const picture = (name, on = page) => on.screenshot({ path: `${folder}/${name}.png` });

async function accessible(name, on = page) {
  await on.evaluate(axe);
  const { violations } = await on.evaluate(() => axe.run({ iframes: false }));
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html}`), [], name);
}

/* Asks again and again; the page's policy lets no text become a function. */
async function until(what, run) {
  for (let i = 0; i < 1200; i++) {
    if (await run()) return;
    await page.waitForTimeout(50);
  }
  assert.fail(what);
}

const untilRows = (n) =>
  until(`${n} rows`, async () => await page.locator(".list tbody tr").count() === n);

/*
 * A person
 */

await test("an empty list", async () => {
  await page.goto(url);
  await page.getByText("No mail yet").waitFor();
  await page.getByText("live", { exact: true }).waitFor();
});

await test("mail arrives while the page is open", async () => {
  await send(smtp, mail("Toner low", invoice));
  await rowOf("Toner low").waitFor();
  assert.match(await page.title(), /^\(1\)/);
  assert.equal(await page.locator("tr.unread").count(), 1);
});

for (const [subject, from] of [["Backup finished", "backup@nas.example"],
  ["Réunion du lundi à 9 h", "=?utf-8?q?Zo=C3=A9?= <zoe@fr.example>"],
  ["Μηνιαία αναφορά", "reports@gr.example"], ["Re: invitation", "carl@c.example"],
  ["Alarm: door 3 open", "Alarm <alarm@site.example>"]])
  await send(smtp, mail(subject, invoice, from), ["bob@b.example", "audit@b.example"]);

await test("search while typing", async () => {
  await rowOf("Alarm").waitFor();
  await page.getByRole("searchbox").fill("subject:backup");
  await untilRows(1);
  assert.match(page.url(), /q=subject%3Abackup/);
  await accessible("search");
  await page.getByRole("searchbox").fill("nonsense");
  await page.getByText("Nothing has all these words").waitFor();
  await page.getByRole("searchbox").fill("");
  await rowOf("Toner low").waitFor();
});

await test("mail that comes gives up no search", async () => {
  const slowly = async (route) => {
    await new Promise((done) => setTimeout(done, 1500));
    await route.continue().catch(() => {}); // it was given up
  };

  await page.route("**/?q=subject%3Aklaxon", slowly);
  await page.getByRole("searchbox").fill("subject:klaxon");
  await page.waitForTimeout(500);
  await send(smtp, mail("Klaxon", "<p>x</p>"));
  await rowOf("Klaxon").waitFor();
  await untilRows(1);
  assert.match(page.url(), /q=subject%3Aklaxon/);
  await page.unroute("**/?q=subject%3Aklaxon", slowly);
  await fetch(`${url}/api/v1/search?query=klaxon`, { method: "DELETE" });
  await page.getByRole("searchbox").fill("");
  await rowOf("Toner low").waitFor();
});

await test("keys", async () => {
  await page.locator("main").click({ position: { x: 5, y: 5 } });
  await page.goto(url);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  assert.match(await page.locator("tr.at").innerText(), /Alarm/);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.name), "q");
  await page.keyboard.press("Escape");
  await page.keyboard.press("o");
  await page.waitForURL("**/mail/*");
  await page.keyboard.press("u");
  await page.waitForURL(url + "/");
});

await test("a mail as HTML", async () => {
  await rowOf("Toner low").locator("a").click();
  const frame = page.frameLocator("iframe");
  await frame.getByText("Thank you for ordering").waitFor();
  await picture("mail-wide");
  await page.getByText("Links in it").click();
  assert.equal(await page.getByRole("link", { name: "https://shop.example/order/7" }).getAttribute("rel"),
    "noopener noreferrer nofollow");
  assert.ok(await frame.locator("img").evaluate((img) => img.naturalWidth > 0), "the picture of cid:");
  await accessible("mail");
});

await test("its other views", async () => {
  await page.getByRole("link", { name: "Text", exact: true }).click();
  assert.equal(await page.getByRole("link", { name: "https://shop.example" }).getAttribute("href"),
    "https://shop.example/toner?tray=2");
  for (const view of ["Headers", "Source", "Structure"]) {
    await page.getByRole("link", { name: view, exact: true }).click();
    await accessible(view);
  }
  await page.getByText("Envelope: how it came").click();
  await page.getByText("MAIL FROM").waitFor();
  await picture("mail-structure");
});

await test("an attachment is a file", async () => {
  const [download] = await Promise.all([
    page.waitForEvent("download"), page.getByRole("link", { name: "order form.pdf" }).click()]);
  assert.equal(download.suggestedFilename(), "order form.pdf");
});

await test("read mail is not bold", async () => {
  await page.goto(url);
  assert.equal(await rowOf("Toner low").evaluate((row) => row.classList.contains("unread")), false);
  await accessible("list");
  await picture("list-wide");
  await page.screenshot({ path: `${folder}/readme.png`, clip: { x: 0, y: 0, width: 1200, height: 300 } });
});

await test("Bcc is a recipient that no header names", async () => {
  await rowOf("Alarm").locator("a").click();
  await page.getByText("in the envelope, in no header").waitFor();
});

await test("delete", async () => {
  await page.getByRole("button", { name: "Delete" }).click();
  await page.waitForURL((at) => !at.pathname.endsWith("/6"));
  assert.equal((await api("/api/v1/messages")).total, 5);
  await page.goto(url);
  await page.keyboard.press("j");
  await page.keyboard.press("d");
  await untilRows(4);
});

for (const name of ["rules", "stats", "doctor", "help"])
  await test(`the page ${name}`, async () => {
    await page.goto(`${url}/${name}`);
    await page.locator("h1").waitFor();
    await accessible(name);
    await picture(name);
  });

await test("narrow, and dark", async () => {
  const phone = await browser.newContext({ viewport: { width: 390, height: 800 } });
  const small = await phone.newPage();
  for (const [path, name] of [["/", "list"], ["/mail/latest", "mail"], ["/rules", "rules"], ["/stats", "stats"],
    ["/doctor", "doctor"], ["/help", "help"]]) {
    for (const colorScheme of ["light", "dark"]) {
      await small.emulateMedia({ colorScheme });
      await small.goto(url + path);
      assert.ok(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is too wide`);
      await accessible(`${path}, ${colorScheme}`, small);
      await picture(`${name}-narrow-${colorScheme}`, small);
    }
  }
  await small.goto(url + "/doctor");
  assert.ok(await small.locator(".findings li").evaluateAll((all) => all.length > 0 && all.every((li) =>
    li.querySelector(".said").getBoundingClientRect().left >= li.querySelector(".check").getBoundingClientRect().left)),
    "what a check says runs under its verdict");
  await phone.close();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(url);
  await accessible("list, dark");
  await picture("list-dark");
  await page.goto(url + "/mail/latest");
  await accessible("mail, dark");
  await picture("mail-dark");
});

await test("without a script", async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const still = await plain.newPage();
  await still.goto(url);
  await still.getByRole("searchbox").fill("toner");
  await still.keyboard.press("Enter");
  await still.waitForURL("**/?q=toner");
  await rowOf("Toner low", still).locator("a").click();
  await still.frameLocator("iframe").getByText("Thank you").waitFor();
  await still.getByRole("link", { name: "Source" }).click();
  await still.getByText("Content-Type: multipart/mixed").waitFor();
  assert.equal(await still.getByRole("button", { name: "Delete" }).isVisible(), false);
  await plain.close();
});

await test("the page's own policy let all of it be", async () =>
  assert.deepEqual(troubles, []));

/*
 * Strangers
 */

async function look(tab, where, clicked, name) {
  const before = `${url}${where}`;
  await tab.page.goto(before);
  const frame = clicked && tab.page.frames()[1];
  if (frame)
    await frame.locator(clicked).first().click({ timeout: 500, force: true, noWaitAfter: true }).catch(() => {});
  await tab.page.waitForTimeout(200);
  assert.equal(tab.page.url(), before, `${name}: the page has been led away`);
  assert.doesNotMatch(await tab.page.title(), /^ran/, `${name}: a script ran`);
  assert.deepEqual(tab.opened.splice(0), [], `${name}: something opened`);
}

async function openTab() {
  const tab = { page: await context.newPage(), opened: [] };

  tab.page.on("popup", (popup) => { tab.opened.push(popup.url()); popup.close(); });
  tab.page.on("dialog", (dialog) => { tab.opened.push("dialog"); dialog.dismiss(); });
  tab.page.on("download", (download) => tab.opened.push(download.url()));
  return tab;
}

/*
 * A link that a mail's style makes one again, though links are none, leads to a
 * page that is blocked; but Chromium connects when the mouse goes down on it.
 */
let allowed = 0;

/* One after the other where somebody is looked for (AT_ONCE=1). */
let next = 0;
async function work() {
  const tab = await openTab();

  while (next < cases.length) {
    const at = next++;
    const [name, , clicked] = cases[at];
    const id = first + at;

    await test(name, async () => {
      /* The frame of our page, and the same alone, where clicks are its own. */
      await look(tab, `/mail/${id}?view=html`, clicked, name);
      if (!clicked) await look(tab, `/view/${id}.html`, null, name);
      assert.deepEqual(heard.splice(0), [], `${name}: the stranger has heard`);
      if (/styled/.test(name)) allowed += 2;
      if (AT_ONCE === 1) assert.ok(connections <= allowed, `${name}: somebody has connected`);
    });
  }
  await tab.page.close();
}

for (const [name, html] of cases)
  await send(smtp, `Subject: ${name}\nContent-Type: text/html; charset=utf-8\n\n${html.replaceAll("@", strange)}\n`);
const first = Number((await api("/api/v1/messages?limit=1")).messages[0].ID) - cases.length + 1;
await Promise.all(Array.from({ length: AT_ONCE }, work));
await test("nobody has connected to the stranger", async () =>
  assert.ok(connections <= allowed, `${connections} connections`));
await test("nothing was deleted or marked by a mail", async () =>
  assert.ok((await api("/api/v1/messages")).total >= cases.length));

await test("pictures of others are there when they are asked for", async () => {
  await send(smtp, mail("remote picture", `<img src="${strange}/pixel.png"><script src="${strange}/s.js"></script>`));
  await page.goto(url);
  await rowOf("remote picture").locator("a").click();
  await page.getByRole("link", { name: "Load them for this mail" }).click();
  await page.waitForURL(/remote=1$/);
  for (let i = 0; i < 600 && heard.length === 0; i++) await page.waitForTimeout(100);
  assert.deepEqual(heard, ["/pixel.png"]);
});

await browser.close();
stranger.close();
console.log(`web/browser: ${passed} passed, ${failed} failed; pictures are in ${folder}`);
process.exit(failed ? 1 : 0);
