import { readFile, mkdtemp, rm, mkdir } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { openTmpStore } from './store.ts';
import * as defs from '../definitions.ts';
import { collectDefinitions } from '../../../lib/registry/collect-definitions.ts';
import { ingestRows } from '../../../lib/features/ingest-rows.ts';
const days = Number(process.argv[2] ?? 10); const http = process.argv[3] === 'http';
const T0 = performance.now(); const lap = (s: string) => console.log((performance.now() - T0).toFixed(0), s, process.cpuUsage().user/1e3|0, 'cpu ms');
const dir = await mkdtemp('/tmp/lakefold-bench-');
const i = await DuckDBInstance.create(':memory:'); const c = await i.connect();
await c.run("set timezone='UTC'");
const f="/work/main/node_modules/vega-datasets/data/flights-3m.parquet";
await c.run(`create table flights as select origin, destination, date as departs, delay, distance, date_trunc('hour', date + to_minutes(29 + distance//8 + greatest(delay,0))) + interval 1 hour as hour from '${f}' where date < '2001-02-15'`);
await c.run(`create table airport as with h as (select origin airport, hour, count(*) n, sum(delay) s, count(*) filter (delay>15) l from flights group by all)
select airport, hour at time zone 'UTC' as hour, cast(sum(n) over w3 as integer) flights_3h, sum(l) over w3 / sum(n) over w3 late_share_3h, cast(sum(n) over w24 as integer) flights_24h, sum(s) over w24 / sum(n) over w24 mean_delay_24h, sum(l) over w24/ sum(n) over w24 late_share_24h from h
window w3 as (partition by airport order by hour range between interval 2 hours preceding and current row), w24 as (partition by airport order by hour range between interval 23 hours preceding and current row)`);
await c.run(`create table route as with h as (select origin, destination, hour, count(*) n, sum(delay) s, count(*) filter (delay>15) l from flights group by all)
select origin,destination, hour at time zone 'UTC' as hour, cast(sum(n) over w7 as integer) flights_7d, sum(s) over w7 / sum(n) over w7 mean_delay_7d, sum(l) over w7/ sum(n) over w7 late_share_7d from h
window w7 as (partition by origin,destination order by hour range between interval 167 hours preceding and current row)`);
lap('features');
await mkdir(dir + '/in');
for (let d = 0; d < days; d++) for (const t of ['airport', 'route']) await c.run(`copy (select * from ${t} where hour > timestamptz '2001-01-08' + interval ${d} days and hour <= timestamptz '2001-01-08' + interval ${d + 1} days order by all) to '${dir}/in/${t}-${d}.parquet' (format parquet, compression snappy)`);
lap('copied');
const { wanted, functions } = collectDefinitions(defs);
const s = await openTmpStore({ location: dir + '/store', functions });
await s.projects.create('default');
const plan = await s.projects.plan('default', { featureGroups: [defs.airportDelays.json, defs.routeDelays.json], featureViews: [defs.delayModel.json] });
await s.projects.apply('default', plan.planId);
lap('applied');
const run = async (t: string, name: string) => {
  const group = await s.projects.group('default', name, 1);
  const times: number[] = [];
  for (let d = 0; d < days; d++) {
    const body = await readFile(`${dir}/in/${t}-${d}.parquet`);
    const t0 = performance.now();
    if (http) { const r = await s.app.request(`/v1/projects/default/feature-groups/${name}/versions/1/rows`, { method: 'POST', body, headers: { 'content-type': 'application/vnd.apache.parquet', 'idempotency-key': `d${d}` } }); if (r.status !== 200) throw new Error(await r.text()); if (d===0) console.log(await r.text(), body.length); }
    else { const r = await ingestRows(s.deps, group, { rows: { format: 'parquet', body: new Uint8Array(body) }, operation: 'upsert', wait: 'online' }); if (d===0) console.log(JSON.stringify(r)); }
    times.push(performance.now() - t0);
  }
  console.log(name, times.map((x) => x.toFixed(0)).join(' '));
};
if (process.argv[4] === 'par') await Promise.all([run('airport', 'airport_delays'), run('route', 'route_delays')]);
else { await run('airport', 'airport_delays'); await run('route', 'route_delays'); }
lap('ingested');
await s.close(); await rm(dir, { recursive: true });
