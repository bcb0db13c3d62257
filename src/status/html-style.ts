/** The style sheet of the page: light and dark, from a phone's width on. The two sides differ in lightness too. */
export const STYLE = `
:root{--bg:#fbfbfa;--card:#fff;--text:#1d2126;--dim:#5c6670;--line:#dfe3e6;--lane:#eef0f2;--sender:#1f6fb2;--receiver:#e08a1e;
--failed:#b3261e;--warning:#8a5a00;--unknown:#6a4fa3;--behind:#0b6a75;--running:#1f6fb2;--ok:#2c6e35}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--text:#e6e9ec;--dim:#9aa5af;--line:#31383e;--lane:#272d32;
--sender:#5fa8e6;--receiver:#f0b252;--failed:#f2877f;--warning:#e5b55c;--unknown:#b9a1ee;--behind:#5fc5d1;--running:#7fb9ee;--ok:#83c98b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--bg);color:var(--text);font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.2rem;margin:0 0 .5rem}small,footer,header p{color:var(--dim);font-weight:normal}
section{margin:1.2rem 0;padding:1rem;background:var(--card);border:1px solid var(--line);border-radius:.6rem}
section p{margin:.4rem 0}
.badge{display:inline-block;min-width:4.6rem;padding:.05rem .45rem;border:1px solid currentColor;border-radius:.4rem;font-size:.8rem;font-weight:600;text-align:center}
.bar{display:flex;height:.5rem;gap:2px;border-radius:.25rem;overflow:hidden}.bar i{background:currentColor}
.failed{color:var(--failed)}.warning{color:var(--warning)}.unknown{color:var(--unknown)}.behind{color:var(--behind)}.running{color:var(--running)}.ok{color:var(--ok)}
.fs{border-top:1px solid var(--line);padding:.5rem 0}.fs summary{cursor:pointer}.fs>:not(summary){margin-left:.2rem}
.short{color:var(--dim);font-size:.9rem}
.problem{font-weight:600}.note{color:var(--dim)}
pre{margin:.4rem 0;padding:.5rem;background:var(--lane);border-radius:.4rem;font-size:.8rem;white-space:pre-wrap}
.timeline{margin:.6rem 0 0}.timeline svg{display:block;width:100%}
.lane,.grid .empty{fill:var(--lane)}.timeline path{stroke-width:2;vector-effect:non-scaling-stroke}
.timeline .sender{stroke:var(--sender)}.timeline .receiver{stroke:var(--receiver)}.grid .sender{fill:var(--sender)}.grid .receiver{fill:var(--receiver)}
.axis{position:relative;height:1.2rem;color:var(--dim);font-size:.72rem}.axis span{position:absolute;transform:translateX(-50%);white-space:nowrap}.axis span:last-child{transform:translateX(-100%)}
.grid{display:flex;flex-wrap:wrap;gap:.3rem .9rem;margin:.4rem 0}figure{margin:0}figure svg{max-width:100%;height:auto}figcaption{color:var(--dim);font-size:.72rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;margin:.4rem 0;font-size:.9rem}dt{color:var(--dim)}dd{margin:0}
.key{margin-left:.6rem;white-space:nowrap}.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;vertical-align:-.05rem}.key .sender{background:var(--sender)}.key .receiver{background:var(--receiver)}
@media (max-width:34rem){body{padding:.5rem}section{padding:.7rem}.short{display:block}}
@media print{.fs{break-inside:avoid}}
`.replaceAll("\n", "");
