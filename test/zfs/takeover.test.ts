/** zrepl's states on real OpenZFS, each on a filesystem of its own, taken over by one push; test/takeover has them on the simulator. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { STATES as ALL_STATES, grow, type Host, stepText, takeSnapshots, Zrepl } from "../takeover/states.ts";
import { afterAStep, plan, readVersions, type Side, stale } from "../takeover/zrepl-rules.ts";
import { zfs } from "./pool.ts";
import { CLIENT, type Ended, eventsOf, lines, PUSH_JOB, SINK_JOB, type Site, trackSites } from "./site.ts";

const newSite = trackSites(1024);
const STATES = ALL_STATES.filter(({ simulatedOnly }) => simulatedOnly !== true);
const JOBS = { push: PUSH_JOB, sink: SINK_JOB };

/** Names of states as names of filesystems. */
const pathOf = (name: string) => name.replaceAll(",", "");

function hostOf(site: Site): Host {
  const guids = new Map<string, bigint>();
  let files = 0;
  return {
    zfs: (...args) => zfs(...args),
    transfer: async (send, recv, cut) => {
      const text = (args: readonly string[]) => args.map((arg) => `'${arg}'`).join(" ");
      const through = cut === undefined ? "" : `head -c ${cut} |`;
      const piped = `zfs send ${text(send)} | ${through} zfs recv ${text(recv)}`;
      const { exitCode, stderr } = await execa("bash", ["-c", piped], { reject: false, env: { LC_ALL: "C" } });
      if ((exitCode === 0) !== (cut === undefined)) throw new Error(`${piped}: ${stderr}`);
    },
    write: async (filesystem) => {
      const file = join(site.mountpoint(filesystem.slice(site.srcRoot.length + 1)), `file ${files++}`);
      writeFileSync(file, randomBytes(300 * 1024));
    },
    guid: async (snapshot) => {
      if (!guids.has(snapshot))
        for (const line of lines(await zfs("list", "-Hp", "-r", "-t", "snapshot", "-o", "name,guid", site.srcRoot))) {
          const [name = "", guid = ""] = line.split("\t");
          guids.set(name, BigInt(guid));
        }
      return guids.get(snapshot) ?? 0n;
    },
  };
}

/** All filesystems at and below a root as zrepl lists them. */
async function survey(root: string): Promise<Map<string, Side>> {
  const list = await zfs("list", "-Hp", "-r", "-t", "bookmark,snapshot", "-o", "name,guid,createtxg", root);
  const snapshots = lines(list).flatMap((line) => (line.includes("@") ? [line.split("\t")[0] ?? ""] : []));
  const holds = await zfs("holds", "-H", ...snapshots);
  const wanted = "zrepl:placeholder,receive_resume_token";
  const properties = await zfs(
    "get",
    "-Hp",
    "-r",
    "-t",
    "filesystem",
    "-o",
    "name,property,value,source",
    wanted,
    root,
  );
  const sides = new Map<string, Side>();
  for (const line of lines(properties)) {
    const [filesystem = "", property, value, source] = line.split("\t");
    const own = (text: string) => text.startsWith(`${filesystem}@`) || text.startsWith(`${filesystem}#`);
    const versions = readVersions(lines(list).filter(own).join("\n"), lines(holds).filter(own).join("\n"));
    const known = sides.get(filesystem) ?? { filesystem, versions, placeholder: undefined, token: undefined };
    if (property === "zrepl:placeholder" && source === "local") sides.set(filesystem, { ...known, placeholder: value });
    else sides.set(filesystem, known);
    if (property === "receive_resume_token") expect(value, `an interrupted receive of ${filesystem}`).toBe("-");
  }
  return sides;
}

function stepsOf(ended: Ended, filesystem: string): string[] {
  return eventsOf(ended, "stepStarted")
    .filter((event) => event.filesystem === filesystem)
    .map(stepText);
}

test("all that zrepl leaves is taken over incrementally, and what we leave is what zrepl expects", async () => {
  const site = await newSite();
  const host = hostOf(site);
  const above = [
    `${site.rootFs}/${CLIENT}`,
    site.replica("x").split("/").slice(0, -2).join("/"),
    site.replica("x").split("/").slice(0, -1).join("/"),
  ];
  for (const name of above) await zfs("create", "-o", "zrepl:placeholder=on", "-o", "mountpoint=none", name);
  const senders = STATES.map(({ name }) => site.fs(pathOf(name)));
  await grow(host, senders);
  for (const { name, build } of STATES)
    await build(new Zrepl(host, { sender: site.fs(pathOf(name)), receiver: site.replica(pathOf(name)), ...JOBS }));

  const first = await site.run(["push", PUSH_JOB]);
  expect(first.exitCode, first.stderr).toBe(0);
  const [src, dst] = [await survey(site.srcRoot), await survey(site.dstRoot)];
  for (const { name, steps } of STATES) {
    expect(stepsOf(first, site.fs(pathOf(name))), name).toEqual(steps);
    const [sender, receiver] = [src.get(site.fs(pathOf(name))), dst.get(site.replica(pathOf(name)))];
    if (sender === undefined || receiver === undefined) throw new Error(`${name} is gone`);
    expect(afterAStep(sender, receiver, JOBS)).toEqual([]);
    expect([...stale(sender, PUSH_JOB), ...stale(receiver, SINK_JOB)]).toEqual([]);
    expect(plan(sender, receiver), name).toBe("nothing");
  }

  await takeSnapshots(host, senders, "4");
  const again = await site.succeed(["push", PUSH_JOB]);
  for (const { name } of STATES) expect(stepsOf(again, site.fs(pathOf(name))), name).toEqual(["@3 → @4"]);
});
