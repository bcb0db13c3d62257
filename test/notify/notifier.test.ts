/** Notifications against a real HTTP server and real programs. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Notification } from "../../src/config/global-config.ts";
import { Notifier } from "../../src/notify/notifier.ts";
import type { RunSummary } from "../../src/observers.ts";
import type { Event } from "../../src/report/events.ts";
import { Tally } from "../../src/report/tally.ts";
import { load, problemsOf } from "../config/files.ts";

let dir: string;
let origin: string;
let requests: string[] = [];
const server = createServer((request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += chunk;
  requests.push(`${request.method} ${request.url} ${body}`.trim());
  if (request.url === "/slow") return; // never
  response.statusCode = request.url === "/broken" ? 500 : 200;
  response.end("OK");
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-notify-"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // of a tcp server
  origin = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});

function summary(exitCodes: Readonly<Record<string, 0 | 3 | 75>>): RunSummary {
  const tally = new Tally();
  for (const [job, exitCode] of Object.entries(exitCodes)) {
    const done: Event = { event: "jobDone", job, exitCode, seconds: 1 };
    tally.add({ event: "snapshotTaken", job, filesystem: "t", name: "z" });
    tally.add(done);
  }
  const exitCode = Object.values(exitCodes).find((code) => code !== 0) ?? 0;
  const why = exitCode === 0 ? {} : { error: "1 of 2 jobs failed", hint: "look" };
  return { command: "run", exitCode, seconds: 2, endMs: 1000, jobs: tally.jobs, ...why };
}

async function notify(notifications: readonly Notification[], ended: RunSummary) {
  requests = [];
  const warnings: string[] = [];
  const run = { command: ended.command, jobs: ended.jobs.map(({ job }) => job), metricsFile: undefined };
  const notifier = new Notifier(notifications, run, { env: process.env, warn: (message) => warnings.push(message) });
  notifier.started();
  await notifier.ended(ended);
  return { requests, warnings };
}

const ANY = { jobs: [], commands: [], timeoutSec: 5 };
const http = (more: object = {}): Notification => ({
  ...{ type: "http", start: `${origin}/start`, success: `${origin}/ok`, failure: `${origin}/fail` },
  ...{ ...ANY, ...more },
});

describe("an http notification", () => {
  test("pings the start, and success with a summary", async () => {
    const { requests, warnings } = await notify([http()], summary({ a: 0 }));
    expect(requests).toEqual([
      "POST /start",
      "POST /ok zrepl-run run: exit status 0 after 2.0 s\n" +
        "job a: exit status 0; 1 taken, 0 replicated (0 bytes), 0 destroyed, 0 filesystems failed",
    ]);
    expect(warnings).toEqual([]);
  });

  test("pings failure with the reason", async () => {
    const { requests } = await notify([http()], summary({ a: 0, b: 3 }));
    expect(requests[1]).toMatch(
      /^POST \/fail .*exit status 3.*\n1 of 2 jobs failed\nhint: look\njob a: exit status 0; /,
    );
  });

  test("for some jobs tells of those alone, and of no others", async () => {
    expect((await notify([http({ jobs: ["a"] })], summary({ a: 0, b: 3 }))).requests[1]).toMatch(/^POST \/ok /);
    expect((await notify([http({ jobs: ["c"] })], summary({ a: 0 }))).requests).toEqual([]);
    expect((await notify([http({ commands: ["snap"] })], summary({ a: 0 }))).requests).toEqual([]);
  });

  test("says nothing of a job that another invocation works on", async () => {
    expect((await notify([http({ start: undefined })], summary({ a: 75 }))).requests).toEqual([]);
  });

  test("that fails is a warning without what is secret in the URL", async () => {
    const broken = http({ success: `${origin}/broken` });
    expect((await notify([broken], summary({ a: 0 }))).warnings).toEqual([`notification ${origin}: HTTP status 500`]);
    const nobody = http({ start: undefined, success: "http://user:pw@127.0.0.1:1/secret?token=x" });
    const { warnings } = await notify([nobody], summary({ a: 0 }));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^notification http:\/\/127\.0\.0\.1:1: /);
    expect(warnings[0]).not.toMatch(/secret|token|pw/);
  });

  test("that gets no answer ends with its time-out", async () => {
    const slow = http({ start: undefined, success: `${origin}/slow`, timeoutSec: 0.1 });
    expect((await notify([slow], summary({ a: 0 }))).warnings).toEqual([`notification ${origin}: no answer in time`]);
  });
});

describe("a program", () => {
  const script = () => {
    const path = join(dir, "tell");
    writeFileSync(
      path,
      '#!/bin/sh\n{ echo "$1 $ZREPL_RUN_RESULT $ZREPL_RUN_EXIT_CODE $ZREPL_RUN_JOBS"; cat; } > "$0.out"\n',
      {
        mode: 0o755,
      },
    );
    return path;
  };
  const command = (argv: readonly string[], more: object = {}): Notification => ({
    ...{ type: "command", command: argv, when: "always" },
    ...{ ...ANY, ...more },
  });

  test("gets arguments as they are, the environment, and a summary on stdin", async () => {
    const path = script();
    const { warnings } = await notify([command([path, "$(id) a b"])], summary({ a: 0, b: 3 }));
    expect(warnings).toEqual([]);
    const [first, json = ""] = readFileSync(`${path}.out`, "utf8").split("\n");
    expect(first).toBe("$(id) a b failure 3 a,b");
    expect(JSON.parse(json)).toMatchObject({
      ...{ command: "run", exitCode: 3, error: "1 of 2 jobs failed", time: "1970-01-01T00:00:01.000Z" },
      jobs: [
        { job: "a", exitCode: 0, counts: { snapshotsTaken: 1 } },
        { job: "b", exitCode: 3 },
      ],
    });
  });

  test("that is for failures is not run after a success", async () => {
    const path = script();
    rmSync(`${path}.out`, { force: true });
    await notify([command([path], { when: "failure" })], summary({ a: 0 }));
    expect(() => readFileSync(`${path}.out`)).toThrow("ENOENT");
  });

  test.each([
    ["is not there", ["/nowhere/tell"], "notification /nowhere/tell: "],
    ["fails", ["sh", "-c", "echo why; exit 3"], "notification sh: exit status 3: why"],
    ["hangs", ["sleep", "60"], "notification sleep: timed out after 200ms"],
  ])("that %s is a warning", async (_what, argv, warning) => {
    const { warnings } = await notify([command(argv, { timeoutSec: 0.2 })], summary({ a: 0 }));
    expect(warnings).toEqual([expect.stringContaining(warning)]);
  });
});

describe("in the config", () => {
  const notifyOf = async (notification: string) =>
    (await load(`global: {notify: [${notification}]}\njobs: []`)).global.notify;

  test("healthchecks is http with its three URLs", async () => {
    expect(await notifyOf("{type: healthchecks, url: 'https://hc-ping.com/uuid?x=1', jobs: [a]}")).toEqual([
      {
        ...{ type: "http", start: "https://hc-ping.com/uuid/start?x=1", success: "https://hc-ping.com/uuid?x=1" },
        ...{ failure: "https://hc-ping.com/uuid/fail?x=1", timeoutSec: 10, jobs: ["a"], commands: [] },
      },
    ]);
  });

  test("a program is for failures unless told otherwise", async () => {
    expect(await notifyOf("{type: command, command: [tell]}")).toMatchObject([{ when: "failure", timeoutSec: 30 }]);
  });

  test("a bad URL is a problem that does not repeat it", async () => {
    const problems = await problemsOf(notifyOf("{type: http, success: 'ftp://secret'}"));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("global.notify[0].success: is no http:// or https:// URL");
    expect(problems[0]).not.toContain("secret");
  });
});
