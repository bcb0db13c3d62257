/** Metrics, notifications and log outlets of the real program. */
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseSamples } from "../../src/report/metrics-samples.ts";
import { SimulatedSite } from "./site.ts";

const site = new SimulatedSite();
const pings: string[] = [];
let logged = "";
const web = createHttpServer((request, response) => {
  pings.push(request.url ?? "");
  request.resume();
  response.end("OK");
});
const logs = createServer((socket) => {
  socket.on("data", (chunk) => {
    logged += chunk;
  });
});

async function listen(server: typeof web | typeof logs): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port; // of a tcp server
}

const metricsDir = join(site.dir, "metrics");

beforeAll(async () => {
  const [webPort, logPort] = [await listen(web), await listen(logs)];
  mkdirSync(metricsDir);
  const url = (path: string) => `http://127.0.0.1:${webPort}/${path}`;
  await site.create({
    logging: [{ type: "tcp", level: "debug", format: "json", address: `127.0.0.1:${logPort}` }],
    metrics: { textfile_dir: metricsDir },
    notify: [
      { type: "healthchecks", url: url("hc") },
      { type: "command", when: "always", command: ["tee", join(site.dir, "told")] },
    ],
  });
});
afterAll(() => {
  web.close();
  logs.close();
  site.remove();
});

test("a dry run is watched by nobody", async () => {
  expect((await site.run(["run", "push", "--dry-run"])).exitCode).toBe(0);
  expect([pings, readdirSync(metricsDir)]).toEqual([[], []]);
});

test("a run writes metrics, pings, tells the program, and logs to the outlet, not to stderr", async () => {
  logged = "";
  const extra = join(site.dir, "extra.prom");
  const { exitCode, stderr } = await site.run(["run", "push", "snap", "--metrics-file", extra]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(pings).toEqual(["/hc/start", "/hc"]);
  expect(readdirSync(metricsDir).sort()).toEqual(["zrepl_run_push.run.prom", "zrepl_run_snap.run.prom"]);
  const samples = parseSamples(readFileSync(extra, "utf8"));
  expect(samples.value("zrepl_run_snapshots_taken", { zrepl_job: "push", command: "run" })).toBe(3);
  expect(samples.value("zrepl_run_snapshots_taken", { zrepl_job: "snap", command: "run" })).toBe(1);
  expect(JSON.parse(readFileSync(join(site.dir, "told"), "utf8"))).toMatchObject({ command: "run", exitCode: 0 });
  const lines = logged
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const send = lines.find(({ msg }) => /^run zfs send .*data\/b/.test(msg));
  expect(send).toMatchObject({ level: "debug", job: "push", filesystem: "tank/data/b", step: "1/1" });
});

test("--log-level brings stderr back", async () => {
  const { stderr } = await site.run(["snap", "push", "--log-level", "info"]);
  expect(String(stderr)).toMatch(/INFO\]\[push\]\[snapshot\]: created snapshot tank\/data@z_/);
});

test("a failed run pings failure, and the metrics remember the last success", async () => {
  const before = parseSamples(readFileSync(join(metricsDir, "zrepl_run_push.run.prom"), "utf8"));
  await site.shell("zfs snapshot back/sink/me/tank/data/a@mine");
  pings.length = 0;
  expect((await site.run(["run", "push"])).exitCode).toBe(3);
  expect(pings).toEqual(["/hc/start", "/hc/fail"]);
  const after = parseSamples(readFileSync(join(metricsDir, "zrepl_run_push.run.prom"), "utf8"));
  const labels = { zrepl_job: "push", command: "run" };
  expect(after.value("zrepl_run_exit_code", labels)).toBe(3);
  const success = "zrepl_run_last_success_timestamp_seconds";
  expect(after.value(success, labels)).toBe(before.value(success, labels));
});
