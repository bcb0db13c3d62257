import { expect, test } from "vitest";
import { renameDataset } from "../../src/endpoint/resolve-divergence.ts";
import { fakeRunner, says } from "../fake-runner.ts";

test("a filesystem is renamed without remounting it", async () => {
  const runner = fakeRunner();
  await renameDataset(runner, "pool/a", "pool/b");
  expect(runner.commands).toEqual(["zfs rename -u pool/a pool/b"]);
});

test("a volume, for which zfs does not take -u, is renamed too", async () => {
  const refusal = "cannot open 'pool/vol': operation not applicable to datasets of this type";
  const runner = fakeRunner((argv) => (argv.includes("-u") ? says(refusal) : undefined));
  await renameDataset(runner, "pool/vol", "pool/old");
  expect(runner.commands).toEqual(["zfs rename -u pool/vol pool/old", "zfs rename pool/vol pool/old"]);
});

test("any other failure is one", async () => {
  const runner = fakeRunner(() => says("cannot open 'pool/a': dataset does not exist"));
  await expect(renameDataset(runner, "pool/a", "pool/b")).rejects.toThrow("dataset does not exist");
  expect(runner.commands).toHaveLength(1);
});
