import { expect, test } from "vitest";
import type { Observation } from "../../src/endpoint/observe.ts";
import { lookOnce, rememberingRunner } from "../../src/endpoint/remember.ts";
import { fakeRunner } from "../fake-runner.ts";

/** How often something is really looked at. */
function counter() {
  let looks = 0;
  const observe = async (): Promise<Observation> => ({
    filesystems: [],
    others: [],
    wholeRoots: [],
    missingRoots: [`look ${++looks}`],
  });
  return { observe, looks: () => looks };
}

test("what was seen counts for the same key, across commands that only look", async () => {
  const runner = rememberingRunner(fakeRunner());
  const { observe, looks } = counter();
  const first = await lookOnce(runner, "a", observe);
  for (const argv of [
    ["zfs", "list", "-Hp"],
    ["zfs", "get", "-Hp", "all"],
    ["zfs", "holds", "a@x"],
    ["zpool", "list"],
  ])
    await runner.run(argv);
  expect(await lookOnce(runner, "a", observe)).toBe(first);
  await lookOnce(runner, "b", observe);
  expect(looks()).toBe(2);
});

test.each([
  ["zfs", "snapshot", "a@x"],
  ["zfs", "hold", "t", "a@x"],
  ["zfs", "program", "a"],
  ["zpool", "sync"],
  ["other", "list"],
])("%s %s makes it out of date", async (...argv) => {
  const runner = rememberingRunner(fakeRunner());
  const { observe, looks } = counter();
  await lookOnce(runner, "a", observe);
  await runner.run(argv);
  await lookOnce(runner, "a", observe);
  expect(looks()).toBe(2);
});

test("so does a transfer, also one that fails", async () => {
  const runner = rememberingRunner(fakeRunner());
  const { observe, looks } = counter();
  await lookOnce(runner, "a", observe);
  const end = { kind: "command" as const, argv: ["zfs", "recv", "a"] };
  await expect(runner.transfer(end, end)).rejects.toThrow();
  await lookOnce(runner, "a", observe);
  expect(looks()).toBe(2);
});

test("a change while it is looked at makes it out of date", async () => {
  const runner = rememberingRunner(fakeRunner());
  const { observe, looks } = counter();
  await lookOnce(runner, "a", async () => {
    await runner.run(["zfs", "destroy", "a@x"]);
    return observe();
  });
  await lookOnce(runner, "a", observe);
  expect(looks()).toBe(2);
});

test("another runner remembers nothing", async () => {
  const runner = fakeRunner();
  const { observe, looks } = counter();
  await lookOnce(runner, "a", observe);
  await lookOnce(runner, "a", observe);
  expect(looks()).toBe(2);
});
