import { Cron } from "croner";
import { isKnownLocation, resolveZone } from "../zone.ts";
import { type CronSchedule, CronSyntaxError, parseCron } from "./cron-schedule.ts";

/** One per expression and zone: a job asks once per filesystem. */
const compiled = new Map<string, Cron>();

/** What is wrong with a `cron` expression of the config, or undefined. */
export function cronProblem(expression: string): string | undefined {
  try {
    const { location } = parseCron(expression);
    return location === undefined || isKnownLocation(location) ? undefined : `unknown time zone ${location}`;
  } catch (error) {
    if (error instanceof CronSyntaxError) return error.message;
    throw error;
  }
}

/**
 * The first fire time strictly after `afterSec`, undefined if there is none (`0 0 30 2 *`). Whole seconds.
 * Where clocks are put forward or back, a schedule with one fixed time of day fires exactly once that day; zrepl would skip a
 * time that does not exist and fire twice at one that comes twice.
 * @param location zone that the expression is meant in; zrepl uses the local one (§6.3)
 * @throws CronSyntaxError
 */
export function nextFireSec(expression: string, afterSec: number, location = "Local"): number | undefined {
  const key = `${resolveZone(location)} ${expression}`;
  const cron = compiled.get(key) ?? compile(expression, location);
  compiled.set(key, cron);
  const next = cron.nextRun(new Date(Math.floor(afterSec) * 1000));
  return next === null ? undefined : Math.floor(next.getTime() / 1000);
}

function compile(expression: string, location: string): Cron {
  const schedule = parseCron(expression);
  const timezone = resolveZone(schedule.location ?? location);
  return new Cron(canonicalPattern(schedule), { timezone, mode: "6-part", paused: true });
}

/**
 * The schedule in the words that croner understands like robfig does: lists of numbers. `*` stays only where it was
 * written, since days of month and of week are alternatives (OR) unless one of them is `*`.
 */
function canonicalPattern({ fields }: CronSchedule): string {
  return fields.map(({ values, star }) => (star ? "*" : values.join(","))).join(" ");
}
