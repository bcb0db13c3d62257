import { expect, test } from "vitest";
import { explore } from "./explore.ts";

/** At least so many invocations with a crash, a failure or a cut stream in them. */
const WANTED = Number(process.env["ZREPL_RUN_CRASH_RUNS"] ?? 20_000);
/** Set by `npm run test:soak`: go on for so long instead. */
const SOAK_MINUTES = Number(process.env["ZREPL_RUN_SOAK_MINUTES"] ?? 0);
const FIRST_SEED = Number(process.env["ZREPL_RUN_SEED"] ?? 1);

/** Explores every second seed from `offset` on: two test files do half of it each, on a CPU of their own. */
export function crashEverywhere(offset: 0 | 1): void {
  test(
    `a run stopped anywhere, in any way, is repaired by the next ones without losing anything (part ${offset + 1} of 2)`,
    async () => {
      const endMs = performance.now() + SOAK_MINUTES * 60_000;
      const goesOn = () => (SOAK_MINUTES > 0 ? performance.now() < endMs : faulted < WANTED / 2);
      let faulted = 0;
      let runs = 0;
      let seed = FIRST_SEED + offset;
      for (; goesOn(); seed += 2) {
        const found = await explore(seed).catch((error: unknown) => {
          const what = error instanceof Error ? error.message : String(error);
          throw new Error(`seed ${seed} (replay with ZREPL_RUN_SEED=${seed}): ${what}`, { cause: error });
        });
        faulted += found.faulted;
        runs += found.runs;
      }
      console.log(
        `every second seed from ${FIRST_SEED + offset} to ${seed - 2}: ${faulted} invocations with a fault, ${runs} in all`,
      );
      expect(faulted).toBeGreaterThan(0);
    },
    (SOAK_MINUTES + 10) * 60_000,
  );
}
