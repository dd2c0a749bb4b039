/** After a commit landed the answer is never a failure: what the online store refused is counted, and published later. */
import { afterEach, describe, expect, it } from 'vitest';
import { LakefoldError } from '../../lib/core/errors.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import { airportDelays, delayModel, EXAMPLE_ROWS, GROUP, memoryParts, openApi, VIEW, type Api } from '../support/api.ts';

class FailingOnlineStore extends MemoryOnlineStore {
  isDown = false;

  override merge(...call: Parameters<MemoryOnlineStore['merge']>): ReturnType<MemoryOnlineStore['merge']> {
    if (this.isDown) return Promise.reject(new LakefoldError('STORE_UNAVAILABLE', 'expected the online store to answer, found it down'));
    return super.merge(...call);
  }
}

describe('an online store that is down', () => {
  let api: Api | undefined;
  afterEach(async () => {
    await api?.close();
  });

  it('leaves the commit acknowledged and its rows counted as failed, until a publish brings them', async () => {
    const online = new FailingOnlineStore();
    const opened = await openApi({ ...memoryParts(), online });
    api = opened;
    await opened.post('/v1/projects', { name: 'demo' });
    await opened.post('/v1/projects/demo/feature-groups', airportDelays.json);
    await opened.post('/v1/projects/demo/feature-views', delayModel.json);
    online.isDown = true;
    const receipt = await opened.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    expect([receipt.status, receipt.body]).toMatchObject([
      200,
      { commit: { version: 1, rowsInserted: 2 }, online: { state: 'pending', watermark: -1, superseded: 0, applied: 0, stale: 0, expired: 0, failed: 2 } },
    ]);
    online.isDown = false;
    expect((await opened.post(`${GROUP}:publish`, {})).body).toMatchObject({ to: 1, applied: 2, failed: 0 });
    const vectors = await opened.post(`${VIEW}/vectors`, { entries: [{ origin: 'SFO', dest: 'JFK' }], requestParameters: { distance: 2000 } });
    expect(vectors.body).toMatchObject({ features: [[31, 8.2, 4, true]] });
  });
});
