import type { ZonedTime } from "../zone.ts";

/** Intl knows abbreviations only in the language of the place; the first one that has a tz database one wins. */
const LOCALES = ["en-US", "en-GB", "en-AU", "en-IN", "en-ZA", "en-CA"];

/** tz database abbreviations that Intl prints; it also invents some (GST, PMST …), which do not count. */
const GENUINE = new Set(
  [
    "UTC GMT BST WET WEST CET CEST EET EEST SAST WAT CAT EAT IST AEST AEDT ACST ACDT AWST NZST NZDT",
    "HST AKST AKDT PST PDT MST MDT CST CDT EST EDT AST ADT NST NDT",
  ].flatMap((line) => line.split(" ")),
);

/** Where Intl has no abbreviation, or another one than the tz database: zone and offset → abbreviation. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "America/Adak -10": "HST",
  "America/Adak -09": "HDT",
  "America/Dawson -07": "MST",
  "America/Havana -05": "CST",
  "America/Havana -04": "CDT",
  "America/Hermosillo -07": "MST",
  "America/Mazatlan -07": "MST",
  "America/Whitehorse -07": "MST",
  "Antarctica/Casey +08": "+08",
  "Antarctica/Troll +00": "+00",
  "Asia/Colombo +0530": "+0530",
  "Asia/Hong_Kong +08": "HKT",
  "Asia/Jakarta +07": "WIB",
  "Asia/Jayapura +09": "WIT",
  "Asia/Jerusalem +02": "IST",
  "Asia/Jerusalem +03": "IDT",
  "Asia/Karachi +05": "PKT",
  "Asia/Macau +08": "CST",
  "Asia/Makassar +08": "WITA",
  "Asia/Manila +08": "PST",
  "Asia/Pontianak +07": "WIB",
  "Asia/Pyongyang +09": "KST",
  "Asia/Seoul +09": "KST",
  "Asia/Shanghai +08": "CST",
  "Asia/Taipei +08": "CST",
  "Asia/Tokyo +09": "JST",
  "Europe/Dublin +01": "IST",
  "Europe/Guernsey +01": "BST",
  "Europe/Isle_of_Man +01": "BST",
  "Europe/Jersey +01": "BST",
  "Europe/Kirov +03": "MSK",
  "Europe/Moscow +03": "MSK",
  "Europe/Simferopol +03": "MSK",
  "Europe/Volgograd +03": "MSK",
  "MET +01": "MET",
  "MET +02": "MEST",
  "Pacific/Guam +10": "ChST",
  "Pacific/Midway -11": "SST",
  "Pacific/Pago_Pago -11": "SST",
  "Pacific/Saipan +10": "ChST",
};

/**
 * What Go prints for `MST`: the tz database's abbreviation (`CEST`), or the offset where it has none (`-03`,
 * `+0530`).
 */
export function zoneAbbreviation(time: ZonedTime): string {
  const offset = offsetText(time.offsetSec);
  const canonical = new Intl.DateTimeFormat("en-US", { timeZone: time.zone }).resolvedOptions().timeZone;
  const exception = EXCEPTIONS[`${time.zone} ${offset}`] ?? EXCEPTIONS[`${canonical} ${offset}`];
  if (exception !== undefined) return exception;
  for (const locale of LOCALES) {
    const abbreviation = intlAbbreviation(time, locale);
    if (abbreviation === "UTC" && /GMT|Greenwich/.test(time.zone)) return "GMT";
    if (GENUINE.has(abbreviation)) return abbreviation;
  }
  return offset;
}

function intlAbbreviation({ timeSec, zone }: ZonedTime, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" }).formatToParts(
    timeSec * 1000,
  );
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}

function offsetText(offsetSec: number): string {
  const minutes = Math.abs(Math.trunc(offsetSec / 60));
  const two = (value: number) => String(value).padStart(2, "0");
  return (offsetSec < 0 ? "-" : "+") + two(Math.floor(minutes / 60)) + (minutes % 60 === 0 ? "" : two(minutes % 60));
}
