import { expect, test } from "vitest";
import { explore } from "./explore.ts";

/** At least so many invocations with a crash, a failure or a cut stream in them (design: FoundationDB-style proof). */
const WANTED = 20_000;
const FIRST_SEED = Number(process.env["ZREPL_RUN_SEED"] ?? 1);

test("a run stopped anywhere, in any way, is repaired by the next ones without losing anything", async () => {
  let faulted = 0;
  for (let seed = FIRST_SEED; faulted < WANTED; seed++) {
    const found = await explore(seed).catch((error: unknown) => {
      throw new Error(
        `seed ${seed} (replay with ZREPL_RUN_SEED=${seed}): ${error instanceof Error ? error.message : error}`,
        { cause: error },
      );
    });
    faulted += found.faulted;
  }
  expect(faulted).toBeGreaterThanOrEqual(WANTED);
}, 600_000);
