import { afterEach, expect, test } from "vitest";
import { RemoteSender } from "../../src/remote/remote-sender.ts";
import { Session } from "../../src/remote/session.ts";
import type { FilesystemVersion } from "../../src/zfs/version.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { CLIENT, hello, Rig } from "./rig.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A session that asks a sink for what it has of `alice`; `bob` has something, too. */
async function open(sink: object): Promise<{ sim: ZfsSimulator; sender: RemoteSender; session: Session }> {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("src");
  sim.addPool("dst");
  play(
    sim,
    `+ "dst/sink/${CLIENT}/tank/a"
     > "dst/sink/${CLIENT}/tank/a" 10K
     + "dst/sink/${CLIENT}/tank/a@1"
     + "dst/sink/${CLIENT}/tank/a#mark" "dst/sink/${CLIENT}/tank/a@1"
     + "dst/sink/${CLIENT}/tank/a@2"
     + "dst/sink/bob/tank/b"
     + "dst/sink/bob/tank/b@1"`,
  );
  const rig = new Rig(sim, { sink });
  cleanups.push(() => rig.dispose());
  const options = { transport: rig.transport(), hello: hello("restore") };
  const session = await Session.open({ ...options, warn: () => undefined });
  cleanups.push(() => session.close());
  return { sim, session, sender: new RemoteSender({ ...options, session }) };
}

function request(filesystem: string, versions: readonly FilesystemVersion[], to: string, from?: string) {
  const find = (name: string) => versions.find((version) => version.name === name);
  const wanted = find(to);
  if (wanted === undefined) throw new Error(`no ${to}`);
  const step = { filesystem, type: "filesystem" as const, via: [], guarantee: "guarantee_resumability" as const };
  return { ...step, from: from === undefined ? undefined : find(from), to: wanted, resumeToken: undefined };
}

test("a sink gives back only where it says so", async () => {
  await expect(open({})).rejects.toThrow("the sink job sink does not allow its clients to read anything");
});

test("a client reads what is its own, and nothing else", async () => {
  const { sim, sender, session } = await open({ permissions: { send: true } });
  const { filesystems } = await sender.list();
  expect(filesystems.map(({ filesystem }) => filesystem)).toEqual(["tank", "tank/a"]);
  const versions = filesystems[1]?.versions ?? [];
  const step = request("tank/a", versions, "1");
  expect(await sender.prepare([step])).toEqual(new Map());
  expect((await sender.openSend(step)).end.kind).toBe("content");
  expect(await sender.complete([{ filesystem: "tank/a", to: step.to, guarantee: step.guarantee }])).toEqual(new Map());
  const held = sim.world.pools["dst"]?.datasets[`dst/sink/${CLIENT}/tank/a`]?.snapshots.flatMap(({ holds }) =>
    Object.keys(holds),
  );
  expect(held, "no hold is left").toEqual([]);
  for (const other of ["bob/tank/b", "../bob/tank/b", "tank/b"])
    await expect(sender.openSend(request(other, versions, "1"))).rejects.toThrow();
  await expect(sender.openSend(request("tank/a", versions, "2", "mark"))).rejects.toThrow("snapshots only");
  await expect(sender.destroySnapshots([{ filesystem: "tank/a", snapshots: [step.to] }])).rejects.toThrow(
    "destroys nothing",
  );
  await expect(session.call("setAside", { filesystem: "tank/a", suffix: ".x" })).rejects.toThrow("can't be asked");
});
