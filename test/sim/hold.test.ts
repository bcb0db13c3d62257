import { expect, test } from "vitest";
import { failure, property, run, twoPools } from "./helpers.ts";

function world() {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs create tank/a/c", "zfs snapshot -r tank/a@1", "zfs snapshot tank/a@2");
  run(sim, "zfs hold t tank/a@1");
  return sim;
}

test("a hold that exists does not keep the others from being made", () => {
  const sim = world();
  expect(failure(sim, "zfs hold t tank/a@1 tank/a@2")).toBe(
    "1: cannot hold snapshot 'tank/a@1': tag already exists on this dataset",
  );
  expect(property(sim, "userrefs", "tank/a@2")).toBe("1");
});

test.each([
  ["zfs hold t tank/a@nope", "1: cannot hold snapshot 'tank/a@nope': dataset does not exist"],
  ["zfs hold t tank/nope@1", "1: cannot open 'tank/nope': dataset does not exist"],
  ["zfs hold t tank/a", "1: 'tank/a' is not a snapshot"],
  ["zfs release nope tank/a@1", "1: cannot release hold from snapshot 'tank/a@1': no such tag on this dataset"],
  ["zfs release t tank/a@nope", "1: cannot release hold from snapshot 'tank/a@nope': dataset does not exist"],
  ["zfs release -r nope tank/a@2", "1: cannot release hold from snapshot 'tank/a@2': dataset does not exist"],
  ["zfs holds -H tank/a@nope", "1: cannot open 'tank/a@nope': dataset does not exist\nno datasets available"],
  ["zfs holds -H tank/a", "1: 'tank/a' is not a snapshot\nno datasets available"],
])("%s", (line, text) => {
  expect(failure(world(), line)).toBe(text);
});

test("holds prints minutes, and has no -p", () => {
  const sim = world();
  run(sim, "zfs hold 'zrepl_STEP_J_my job' tank/a@1");
  expect(run(sim, "zfs holds -H tank/a@1")).toBe(
    "tank/a@1\tt\tTue Nov 14 22:13 2023\ntank/a@1\tzrepl_STEP_J_my job\tTue Nov 14 22:13 2023\n",
  );
  expect(failure(sim, "zfs holds -Hp tank/a@1")).toContain("2: invalid option 'p'");
});

test("a table of holds has its heading even if there are none, as wide as the names asked for", () => {
  expect(run(world(), "zfs holds tank/a@2")).toBe("NAME      TAG  TIMESTAMP\n");
});

test.each([
  ["zfs bookmark tank/a@1 tank/a#b", "1: cannot create bookmark 'tank/a#b': bookmark exists"],
  [
    "zfs bookmark tank/a@1 tank/a/c#b",
    "1: cannot create bookmark 'tank/a/c#b': source is not an ancestor of the new bookmark's dataset",
  ],
  ["zfs bookmark tank/a@1 back#b", "1: cannot create bookmark 'back#b': bookmark is in a different pool"],
])("%s", (line, text) => {
  const sim = world();
  run(sim, "zfs bookmark tank/a@1 tank/a#b", "zfs bookmark tank/a#b tank/a#copy");
  expect(failure(sim, line)).toBe(text);
});

test("opening a bookmark: which part is missing shows in the message", () => {
  expect(failure(world(), "zfs bookmark tank/a#nope tank/a#x")).toContain("'tank/a#nope': no such pool or dataset");
  expect(failure(world(), "zfs bookmark tank/nope#b tank/nope#x")).toContain("'tank/nope#b': dataset does not exist");
});

test("hold -r is all or nothing, and names the snapshot that is in the way", () => {
  const sim = world();
  run(sim, "zfs hold x tank/a/c@1");
  expect(failure(sim, "zfs hold -r x tank/a@1")).toBe(
    "1: cannot hold snapshot 'tank/a/c@1': tag already exists on this dataset",
  );
  expect(property(sim, "userrefs", "tank/a@1")).toBe("1");
});

test("release -r is content with one snapshot that has the tag", () => {
  const sim = world();
  expect(failure(sim, "zfs release -r t tank/a@1")).toBe("0: ");
});
