import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { daemonWarnings } from "../../src/config/zrepl-daemon.ts";
import { fakeDaemon } from "../fake-daemon.ts";
import { load } from "./files.ts";

let socket: string;

beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
  socket = join(dir, "control");
  return () => rmSync(dir, { recursive: true });
});

const serve = (listener: RequestListener) => fakeDaemon(socket, listener);

const answering = (body: string, asked: string[] = []): RequestListener => {
  return (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end(body);
  };
};

const warnings = (names = ["prod", "ours"]) =>
  daemonWarnings({ global: { lockDir: "/nowhere", controlSocket: socket } }, names);

const STATUS = { Jobs: { prod: { type: "push", push: {} }, _control: { type: "internal" } }, Global: {} };

describe("a daemon", () => {
  test("with the same job is warned of, once for each such job", async () => {
    const asked: string[] = [];
    await serve(answering(JSON.stringify(STATUS), asked));
    expect(await warnings()).toEqual([
      `a zrepl daemon is running with job "prod" too (${socket}); neither knows of the other's work: stop the daemon, or take the job out of its config`,
    ]);
    expect(asked).toEqual(["GET /status"]);
  });

  test("of an old version, whose status is the jobs, too", async () => {
    await serve(answering(JSON.stringify(STATUS.Jobs)));
    expect(await warnings()).toHaveLength(1);
  });

  test("with other jobs is none of our business", async () => {
    await serve(answering(JSON.stringify(STATUS)));
    expect(await warnings(["ours"])).toEqual([]);
  });

  test.each(["", "not json", "null", '{"Jobs":null}'])("that answers %j is warned of", async (body) => {
    await serve(answering(body));
    expect(await warnings()).toEqual([expect.stringMatching(/^a zrepl daemon answers at .*can't be told/)]);
  });

  test("that does not answer is not waited for", async () => {
    await serve(() => undefined);
    expect(await warnings()).toEqual([]);
  });
});

describe("no daemon", () => {
  test("where there is no socket", async () => {
    expect(await warnings()).toEqual([]);
  });

  test("where something else has its name", async () => {
    writeFileSync(socket, "");
    expect(await warnings()).toEqual([]);
  });
});

test.each([
  ["zrepl's default", "", "/var/run/zrepl/control"],
  ["the config's", "global: {control: {sockpath: /tmp/x}}", "/tmp/x"],
])("the socket is %s", async (_name, text, expected) => {
  expect((await load(`${text}\njobs: []`)).global.controlSocket).toBe(expected);
});
