import { Oracle } from '../oracle.ts';
import { findFlightsFile } from '../flights-file.ts';
let t = performance.now(); const lap = (s: string) => { console.log(s, (performance.now() - t).toFixed(0), process.cpuUsage().user/1000|0); t = performance.now(); };
const quick = process.argv[2] === 'quick';
const o = await Oracle.open({ flightsFile: findFlightsFile(), flightsFrom: quick ? '2001-05-29' : '2001-01-01', from: quick ? '2001-06-08T00:00:00Z' : '2001-01-01T00:00:00Z', until: '2001-07-02T00:00:00Z' });
lap('open');
console.log(await o.fingerprint('airports', '2001-07-01T00:00:00Z'), await o.fingerprint('routes', '2001-07-01T00:00:00Z')); lap('fp');
const v = await o.vectors('2001-07-01T00:00:00Z'); console.log(v.length, v[0]); lap('vectors');
