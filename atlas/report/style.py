"""The page's style: light and dark by the reader's own setting, from a phone's width up; nothing is loaded."""

from __future__ import annotations

STYLE = """
:root{--ground:#fbfbfd;--card:#fff;--ink:#1d1d22;--muted:#6f6f7a;--rule:#dcdce4;--best:#0072b2;--worst:#c95700;
  --third:#00805c;--soft:#eef3f8}
@media (prefers-color-scheme:dark){
  :root{--ground:#131418;--card:#1b1d23;--ink:#ececf1;--muted:#9a9aa8;--rule:#34363f;--best:#56b4e9;
    --worst:#f0883e;--third:#3fc79a;--soft:#1f2a35;color-scheme:dark}
}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 18px 60px}
h1{font-size:1.75rem;line-height:1.2;margin:.1em 0 .3em;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.4em 0 .3em;letter-spacing:-.005em}
p{margin:.35em 0 .8em;max-width:75ch}
.lead{font-size:1.08rem}
.note{color:var(--muted);font-size:.92rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:20px 0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:14px 16px}
.tile b{display:block;font-size:1.65rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--muted);font-size:.87rem;display:block;line-height:1.35}
.card{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:14px 16px;overflow-x:auto;
  margin:10px 0}
.card svg{display:block;height:auto;margin:0 auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:right;color:var(--muted);border-bottom:1px solid var(--rule);padding:6px 9px;
  vertical-align:bottom;font-size:.84rem}
td{text-align:right;padding:5px 9px;border-bottom:1px solid var(--rule);white-space:nowrap}
tr:last-child td{border-bottom:0}
th.w,td.w{text-align:left}
tr.best td{background:var(--soft);font-weight:600}
.chosen{color:var(--best)}
tr .task,h3 .task{white-space:nowrap}
td.w wbr{display:none}
.arrow{color:var(--muted);padding:0 .18em}
.maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(228px,1fr));gap:12px;margin:10px 0}
.map{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:11px 12px}
.map h3{font-size:.9rem;margin:0 0 2px}
.map p{font-size:.8rem;margin:0 0 7px;line-height:1.35}
.map table{border-collapse:separate;border-spacing:2px;table-layout:fixed;font-size:.8rem}
.map td{border:0;border-radius:4px;text-align:center;padding:5px 0}
.map td.no{background:var(--ground)}
.map th{border:0;padding:1px;font-size:.72rem;text-align:center;font-weight:500;overflow:hidden;
  text-overflow:ellipsis;white-space:nowrap}
.map th.row{text-align:right;width:41%;padding-right:5px}
.maps.wide{grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr))}
.map.many{overflow-x:auto}
.map.many table{table-layout:auto}
.map.many td{padding:5px 4px;min-width:38px}
.map.many th{vertical-align:bottom;overflow:visible}
.map.many th span{display:inline-block;writing-mode:vertical-rl;transform:rotate(180deg);max-height:110px;
  overflow:hidden;text-overflow:ellipsis;padding-top:4px}
.map.many th.row{width:auto;vertical-align:middle}
.scale{display:flex;align-items:center;gap:9px;font-size:.85rem;color:var(--muted)}
.scale i{width:180px;height:12px;border-radius:6px;display:inline-block}
details{margin:10px 0}
summary{cursor:pointer;color:var(--best);font-weight:500}
code,pre{font:.86rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
dl{display:grid;grid-template-columns:minmax(110px,max-content) 1fr;gap:3px 18px;margin:0;font-size:.93rem}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
.badge{display:inline-block;border:1px solid var(--rule);border-radius:99px;padding:1px 10px;font-size:.82rem;
  color:var(--muted)}
.badge.bad{color:var(--worst);border-color:var(--worst)}
@media (max-width:560px){
  main{padding:16px 12px 40px}
  h1{font-size:1.4rem}
  .tiles{grid-template-columns:1fr 1fr;gap:8px}
  .tile{padding:10px 12px}
  .tile b{font-size:1.3rem}
  dl{grid-template-columns:1fr}
  dt{margin-top:6px}
  td.w{white-space:normal;min-width:120px}
  td.w+td.w{min-width:64px}
  td.w wbr{display:inline}
}
@media print{
  body{background:#fff}
  .card,.map,.tile{break-inside:avoid}
}
"""
