/** The page of `report --html`: its text, and what a browser makes of it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderPage } from "../../src/status/html.ts";
import { summarizeJob } from "../../src/status/summarize.ts";
import { groupsOf, retentionGrid, timeline } from "../../src/status/svg.ts";
import { state } from "../replicate/states.ts";
import { versions } from "../versions.ts";
import { DAY, HOUR, jobOf, NOW, viewOf } from "./views.ts";

const EVIL = `<script>document.body.textContent = "owned"</script><img src=x onerror="alert('&')">`;

async function pageOf(problem = EVIL): Promise<string> {
  const history = (...hours: number[]) => hours.map((h, i) => `@s${h},${i + 1},${NOW - h * HOUR}`).join(" ");
  const grid = { type: "grid", grid: "1x1h(keep=all) | 24x1h | 14x1d", regex: ".*" };
  const view = await viewOf({
    job: await jobOf({ pruning: { keep_sender: [{ type: "not_replicated" }], keep_receiver: [grid] } }),
    sender: [
      state("tank/good", history(90, 40, 5, 1)),
      state("tank/bad & ugly", history(90, 40, 5, 1)),
      state(`tank/${"a-name-that-goes-on-and-on-".repeat(6)}`, history(3)),
    ],
    receiver: [
      state("tank/good", history(90, 40, 5, 1)),
      state("tank/bad & ugly", `${history(90)} @own,77,${NOW - 2}`),
    ],
    problems: [problem],
  });
  return renderPage([{ ...summarizeJob(view, NOW), view }], { nowSec: NOW, host: "host", time: "today" });
}

test("what was said elsewhere is text, never markup", async () => {
  const page = await pageOf();
  expect(page).not.toMatch(/<script|<img|onerror="/i);
  expect(page).toContain("&lt;script&gt;document.body");
  expect(page).toContain("tank/bad &amp; ugly");
});

test("nothing is loaded and nothing runs", async () => {
  const page = await pageOf("");
  expect(page).toContain("default-src 'none'");
  expect(page).not.toMatch(/(?:src|href)=|url\(|@import|javascript:/);
});

test("what needs attention is open, the rest is folded", async () => {
  const page = await pageOf();
  expect(page.match(/<details class="fs" open>/g)).toHaveLength(1);
  expect(page.match(/<details class="fs">/g)).toHaveLength(2);
  expect(page).toContain("zfs rollback -r");
});

describe("pictures", () => {
  test("a timeline has a line for each place, not for each snapshot", () => {
    const many = versions(Array.from({ length: 5000 }, (_, i) => `@s${i},${i + 1},${NOW - i * 600}`).join(" "));
    const svg = timeline({ sender: many, receiver: many.slice(0, 1) }, NOW, "label");
    const [, path = ""] = /<path class="sender" d="([^"]*)"/.exec(svg) ?? [];
    expect(path.split("M").length - 1).toBeLessThanOrEqual(600);
    expect(/<path class="receiver" d="([^"]*)"/.exec(svg)?.[1]).toBe("M599 18v12");
  });

  test("a grid has the buckets of the keep rule, and counts the filled ones", () => {
    const groups = groupsOf([
      { lengthSec: HOUR, keep: "all" },
      { lengthSec: HOUR, keep: 1 },
      { lengthSec: DAY, keep: 1 },
    ]);
    expect(groups).toEqual([
      { lengthSec: HOUR, buckets: 2 },
      { lengthSec: DAY, buckets: 1 },
    ]);
    const sender = versions(`@a,1,${NOW - 3 * DAY} @b,2,${NOW - 90 * 60} @c,3,${NOW - 60} @d,4,${NOW}`);
    const svg = retentionGrid({ sender, receiver: sender.slice(2) }, groups);
    expect(svg).toContain('aria-label="2 × 1 h: 2 on the sender, 1 on the receiver"');
    expect(svg).toContain('aria-label="1 × 1 d: 0 on the sender, 0 on the receiver"');
    expect(svg).toContain("1 older");
  });

  test("a filesystem of one side has one lane and whole cells", () => {
    const sender = versions(`@a,1,${NOW}`);
    expect(timeline({ sender }, NOW, "x").match(/class="lane"/g)).toHaveLength(1);
    expect(retentionGrid({ sender }, [{ lengthSec: HOUR, buckets: 1 }])).not.toContain("receiver");
  });
});

const hasChromium = spawnSync("chromium", ["--version"]).status === 0;
if (!hasChromium)
  console.log("the page is not looked at in a browser: chromium is not there (Debian package chromium)");

describe.skipIf(!hasChromium)("in Chromium", () => {
  let dir = "";
  let file = "";

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "zrepl-run-page-"));
    file = join(dir, "page.html");
    writeFileSync(file, await pageOf());
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  function chromium(...args: string[]): string {
    const common = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--hide-scrollbars",
      `--user-data-dir=${dir}/profile`,
    ];
    const { status, stdout, stderr } = spawnSync("chromium", [...common, ...args], {
      encoding: "utf8",
      timeout: 50_000,
    });
    if (status !== 0) throw new Error(`chromium: ${status} ${stderr}`);
    return stdout;
  }

  function screenshot(name: string, ...args: string[]): Buffer {
    const path = join(dir, `${name}.png`);
    chromium(...args, `--screenshot=${path}`, `file://${file}`);
    return readFileSync(path);
  }

  test("the document is as it was written", () => {
    const dom = chromium("--dump-dom", `file://${file}`);
    expect(dom).toContain("&lt;script&gt;");
    expect(dom).not.toContain("owned</body>");
    expect(dom.match(/<summary>/g)).toHaveLength(3);
    expect(dom.match(/<svg /g)?.length).toBeGreaterThan(6);
  });

  test("it is painted, light and dark", () => {
    const light = screenshot("light", "--window-size=900,700", "--blink-settings=preferredColorScheme=1");
    const dark = screenshot("dark", "--window-size=900,700", "--blink-settings=preferredColorScheme=0");
    for (const png of [light, dark]) {
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([900, 700]);
      expect(png.length).toBeGreaterThan(20_000); // a page without text would be far smaller
    }
    expect(light.equals(dark)).toBe(false);
  });

  test.each([320, 390, 1200])("nothing is cut off at a width of %s", (width) => {
    const attribute = readFileSync(file, "utf8").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
    const measure = "document.body.dataset.width = this.contentDocument.documentElement.scrollWidth";
    const wrapper = join(dir, "wrapper.html");
    writeFileSync(
      wrapper,
      `<iframe width=${width} height=700 style="border:0" srcdoc="${attribute}" onload="${measure}"></iframe>`,
    );
    const dom = chromium("--dump-dom", "--window-size=1300,800", `file://${wrapper}`);
    expect(/data-width="(\d+)"/.exec(dom)?.[1]).toBe(String(width));
  });
});
