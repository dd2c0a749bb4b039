import { DuckDBInstance } from '@duckdb/node-api';
import { findFlightsFile } from '../flights-file.ts';
let t = performance.now(), cpu=process.cpuUsage(); const lap = (s: string) => { const u=process.cpuUsage(cpu); console.log(s, (performance.now() - t).toFixed(0), 'cpu', ((u.user+u.system)/1000).toFixed(0)); t = performance.now(); cpu=process.cpuUsage(); };
const i = await DuckDBInstance.create(':memory:'); const c = await i.connect();
const f = findFlightsFile();
await c.run(`CREATE TABLE flown AS SELECT origin, destination, delay, distance, CAST(epoch(date) AS BIGINT) // 60 AS departed, CAST(epoch(date) AS BIGINT) // 60 + 30 + distance // 8 + CASE WHEN delay > 0 THEN delay ELSE 0 END AS landed FROM read_parquet('${f}')`); lap('flown');
await c.run(`create table ha as select origin, (landed + 59) // 60 AS hour, count(*) n, sum(delay)::bigint s, count(*) filter (delay > 15) l from flown group by all`); lap('ha');
await c.run(`create table hr as select origin, destination, (landed + 59) // 60 AS hour, count(*) n, sum(delay)::bigint s, count(*) filter (delay > 15) l from flown group by all`); lap('hr');
await c.run(`create table a1 as select k.origin, k.hour, sum(f.n) n, sum(f.s) s, sum(f.l) l from ha k join (select *, unnest(range(hour, hour + 24)) h2 from ha) f on f.origin = k.origin and f.h2 = k.hour group by all`); lap('a1 expand equi');
await c.run(`create table r1 as select k.origin, k.destination, k.hour, sum(f.n) n, sum(f.s) s, sum(f.l) l from hr k join (select *, unnest([hour//24, hour//24+1,hour//24+2,hour//24+3,hour//24+4,hour//24+5,hour//24+6,hour//24+7]) d from hr) f on f.origin = k.origin and f.destination=k.destination and f.d = k.hour//24 and f.hour > k.hour-168 and f.hour<=k.hour group by all`); lap('r1 bucket hourly');
// prefix sums
await c.run(`create table pr as select origin, destination, hour, sum(n) over w n, sum(s) over w s, sum(l) over w l from hr window w as (partition by origin, destination order by hour rows unbounded preceding)`); lap('prefix');
await c.run(`create table r2 as select k.origin, k.destination, k.hour, k.n - coalesce(f.n,0) n, k.s - coalesce(f.s,0) s from pr k asof left join pr f on f.origin=k.origin and f.destination=k.destination and f.hour <= k.hour - 168`); lap('prefix asof');
