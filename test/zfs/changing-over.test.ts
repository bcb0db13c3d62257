/** adopt, migrate job-name and abstraction where real OpenZFS might not do what the simulator does: bookmarks of bookmarks, programs. */
import { expect, test } from "vitest";
import { sendReceive, zfs } from "./pool.ts";
import { bookmarksOf, CLIENT, type Ended, eventsOf, holdsBelow, PUSH_JOB, SINK_JOB, trackSites } from "./site.ts";

const newSite = trackSites();
const NAMES = ["a", "b c", "d"];

const steps = (ended: Ended) => eventsOf(ended, "stepStarted").map(({ from = "full", to }) => `${from} → ${to}`);

test("replicas of plain zfs send are adopted, the job gets another name, and every push is incremental", async () => {
  const site = await newSite();
  const all = (snapshot: string) => NAMES.map((name) => `${site.fs(name)}@${snapshot}`);
  for (const name of NAMES) await zfs("create", site.fs(name));
  for (const snapshot of ["1", "2"]) await zfs("snapshot", ...all(snapshot));
  await zfs("create", "-p", site.replica("x").split("/").slice(0, -1).join("/"));
  for (const name of NAMES) await sendReceive([`${site.fs(name)}@1`], ["-u", site.replica(name)]);

  const planned = await site.succeed(["adopt", "--dry-run", PUSH_JOB], { json: false });
  expect(planned.stdout.split("\n").filter((line) => line.includes("would be adopted at @1"))).toHaveLength(3);
  expect(await holdsBelow(site.rootFs)).toEqual([]);
  await site.succeed(["adopt", PUSH_JOB]);
  expect(await holdsBelow(site.rootFs)).toEqual(
    NAMES.map((name) => `${CLIENT}/${site.fs(name)}@1: zrepl_last_received_J_${SINK_JOB}`),
  );
  for (const snapshot of all("1")) await zfs("destroy", snapshot);
  expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual(
    NAMES.map(() => expect.stringMatching(/^#zrepl_CURSOR_G_[0-9a-f]{16}_J_push job → @2$/)),
  );

  // one cursor has its snapshot no more, and something was left over
  await zfs("destroy", `${site.fs("a")}@2`);
  await zfs("hold", `zrepl_STEP_J_${PUSH_JOB}`, `${site.fs("d")}@2`);
  await site.succeed(["migrate", "job-name", PUSH_JOB, "renamed"]);
  for (const name of NAMES)
    expect(await bookmarksOf(site.fs(name))).toEqual([
      expect.stringMatching(/^zrepl_CURSOR_G_[0-9a-f]{16}_J_renamed$/),
    ]);
  site.configure({ push: { name: "renamed" } });
  const listed = await site.succeed(["abstraction", "list", "--fs", `${site.srcRoot}<`]);
  expect(eventsOf(listed, "abstraction").map(({ type, state }) => `${type} ${state}`)).toEqual([
    "replication-cursor-bookmark-v2 live",
    "replication-cursor-bookmark-v2 live",
    "replication-cursor-bookmark-v2 live",
    "step-hold stale",
  ]);
  await site.succeed(["zfs-abstraction", "release-stale", "--fs", `${site.srcRoot}<`]);
  expect(await holdsBelow(site.srcRoot)).toEqual([]);
  await zfs("snapshot", ...all("3"));
  expect(steps(await site.succeed(["push", "renamed"]))).toEqual([
    expect.stringMatching(/^#zrepl_CURSOR_G_[0-9a-f]{16}_J_renamed → @3$/),
    "@2 → @3",
    "@2 → @3",
  ]);
});
