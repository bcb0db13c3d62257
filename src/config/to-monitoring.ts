import type { RawAgeThreshold, RawCountThreshold, RawJobMonitoring } from "../generated/raw-config.ts";
import type { Monitoring, Threshold } from "./config.ts";
import { parsePositiveDuration } from "./grammar/duration.ts";
import type { Site } from "./site.ts";

/** `monitoring:` of a job: the thresholds of `monitor`. */
export function toMonitoring(raw: RawJobMonitoring, site: Site): Monitoring {
  const { newest, oldest, lag, count, stale_hold: staleHold } = raw;
  return {
    ...(newest === undefined ? {} : { newestSec: toAge(newest, site.at("newest")) }),
    ...(oldest === undefined ? {} : { oldestSec: toAge(oldest, site.at("oldest")) }),
    ...(lag === undefined ? {} : { lagSec: toAge(lag, site.at("lag")) }),
    ...(count === undefined ? {} : { count: checked({ ...count }, site.at("count")) }),
    ...(staleHold === undefined ? {} : { staleHoldSec: parsePositiveDuration(staleHold) }),
  };
}

function toAge({ warn, crit }: RawAgeThreshold, site: Site): Threshold {
  const limits = {
    ...(warn === undefined ? {} : { warn: parsePositiveDuration(warn) }),
    ...(crit === undefined ? {} : { crit: parsePositiveDuration(crit) }),
  };
  return checked(limits, site);
}

function checked(limits: Threshold & RawCountThreshold, site: Site): Threshold {
  const { warn, crit } = limits;
  if (warn === undefined && crit === undefined) site.problem("needs warn, crit or both");
  if (warn !== undefined && crit !== undefined && warn > crit) site.at("crit").problem("must not be less than warn");
  return limits;
}
