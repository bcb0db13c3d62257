import { expect, onTestFinished, test } from "vitest";
import { RemoteReceiver } from "../../src/remote/remote-receiver.ts";
import { Session } from "../../src/remote/session.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { CLIENT, hello, Rig } from "./rig.ts";

async function open(mapping: object): Promise<RemoteReceiver> {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("src");
  sim.addPool("dst");
  play(sim, `+ "dst/sink/${CLIENT}/here/x"`);
  const rig = new Rig(sim, { sink: { recv: { placeholder: { encryption: "inherit" }, ...mapping } } });
  onTestFinished(() => rig.dispose());
  const options = { transport: rig.transport(), hello: hello("sink") };
  const session = await Session.open({ ...options, warn: () => undefined });
  onTestFinished(() => session.close());
  return new RemoteReceiver({ ...options, session });
}

test("a sink tells its client what it has no place for, and lists by the sender's names", async () => {
  const receiver = await open({
    root_mapping: { "tank/a<": `dst/sink/${CLIENT}/here`, "tank/b": "!", c: "dst/sink/bob" },
  });
  expect(await receiver.misplaced(["tank/a/x", "tank/b", "c", "d"])).toEqual(
    new Map([
      ["tank/b", { kind: "leftOut", message: 'recv.root_mapping says "tank/b": "!"' }],
      [
        "c",
        {
          kind: "nowhere",
          message: `recv.root_mapping leads c to dst/sink/bob, which is not below dst/sink/${CLIENT}`,
        },
      ],
      ["d", { kind: "nowhere", message: 'no entry of recv.root_mapping is for d: add one, "!" to leave it out' }],
    ]),
  );
  expect((await receiver.list()).filesystems.map(({ filesystem }) => filesystem)).toEqual(["tank/a", "tank/a/x"]);
});

test("a sink that maps nothing is not asked", async () => {
  expect(await (await open({})).misplaced(["anything"])).toEqual(new Map());
});

test("a sink that strips prefixes tells which of them it does not know", async () => {
  const receiver = await open({ strip_prefix: 2 });
  expect(await receiver.misplaced(["tank/a/x", "tank/b", "c/d/x", "e/f/y"])).toMatchObject(
    new Map([
      ["tank/b", { kind: "nowhere", message: expect.stringContaining("strip_prefix: 2 leaves nothing of tank/b") }],
      ["c/d/x", { kind: "nowhere", message: expect.stringContaining("leads tank/a/x and c/d/x to the same place") }],
      ["tank/a/x", { kind: "nowhere" }],
    ]),
  );
  expect((await receiver.list()).filesystems.map(({ filesystem }) => filesystem)).toEqual(["*/*/here", "*/*/here/x"]);
  // what is asked for has a whole name
  await expect(receiver.clearResumeState("*/*/here/x")).rejects.toThrow("malformed");
});
