import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { EffectiveConfigMap } from '../../../src/cluster/kubernetes/effective-config.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import type { ClusterObject } from '../../../src/cluster/ports.ts';
import { type Body, FakeApiServer, metadataOf, statusBody } from '../../support/fake-api-server.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const NS = 'clarion-system';
let fake: FakeApiServer;
/** What the reader shows; it follows only when a test says so. */
let shown: ClusterObject | undefined;
beforeEach(async () => {
  fake = await FakeApiServer.start();
  shown = undefined;
});
afterEach(() => fake.stop());

const stored = (): Body | undefined => fake.store.get('configmaps', NS, 'clarion-effective');
const follow = (): void => {
  const body = stored();
  const origin = { file: 'ConfigMap', line: 1, text: undefined };
  shown =
    body === undefined ? undefined : { kind: 'ConfigMap', namespace: NS, name: 'clarion-effective', body, origin };
};
const open = (): EffectiveConfigMap =>
  new EffectiveConfigMap(
    openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' }),
    NS,
    () => shown,
  );
const writes = (): number => fake.requests.filter(({ method }) => method !== 'GET').length;
const text = (generation: number, filling = ''): string => `{"body":{"generation":${generation},"x":"${filling}"}}`;

describe('the effective configuration', () => {
  it('is shown as soon as it was published, with its generation beside it', async () => {
    const effective = open();
    expect(effective.text()).toBeUndefined();
    expect(await effective.publish(text(7))).toEqual({ kind: 'done' });
    expect(effective.text()).toEqual({ ok: true, value: text(7) });
    follow();
    expect(effective.text()).toEqual({ ok: true, value: text(7) });
    expect(open().text()).toEqual({ ok: true, value: text(7) });
    expect(stored()!['data']).toEqual({ 'effective.json': text(7) });
    expect(metadataOf(stored()!)['annotations']).toEqual({ 'clarion.dev/generation': '7' });
  });

  it('is written once, by whichever controller', async () => {
    await open().publish(text(7));
    follow();
    const other = open();
    for (let i = 0; i < 3; i++) expect(await other.publish(text(7))).toEqual({ kind: 'done' });
    expect(writes()).toBe(1);
  });

  it('is replaced on the version that was seen only', async () => {
    await open().publish(text(7));
    follow();
    const late = open();
    await open().publish(text(8));
    expect(await late.publish(text(6))).toMatchObject({ kind: 'retry' });
    expect(stored()!['data']).toEqual({ 'effective.json': text(8) });
    follow();
    expect(late.text()).toEqual({ ok: true, value: text(8) });
  });

  it('is made again when somebody deleted it', async () => {
    const effective = open();
    await effective.publish(text(7));
    follow();
    fake.store.remove('configmaps', NS, 'clarion-effective');
    expect(await effective.publish(text(8))).toMatchObject({ kind: 'retry' });
    follow();
    expect(effective.text()).toBeUndefined();
    expect(await effective.publish(text(8))).toEqual({ kind: 'done' });
    expect(effective.text()).toEqual({ ok: true, value: text(8) });
  });

  it('is compressed when it is large', async () => {
    const large = text(9, 'pool '.repeat(100_000));
    expect(await open().publish(large)).toEqual({ kind: 'done' });
    const { 'effective.json.gz': zipped } = stored()!['binaryData'] as Record<string, string>;
    expect(gunzipSync(Buffer.from(zipped!, 'base64')).toString()).toBe(large);
    expect(stored()!['data']).toBeUndefined();
    follow();
    expect(open().text()).toEqual({ ok: true, value: large });
    expect(await open().publish(text(10))).toEqual({ kind: 'done' });
    expect(stored()!['binaryData']).toBeUndefined();
  });

  it('that fits into no ConfigMap is refused, and the one before stays', async () => {
    await open().publish(text(7));
    follow();
    const random = seededRandom(1);
    const noise = Buffer.from(random.bytes(1_200_000)).toString('base64');
    const outcome = await open().publish(text(8, noise));
    expect(outcome).toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/holds 1024 KiB; the one before/),
    });
    expect(stored()!['data']).toEqual({ 'effective.json': text(7) });
  });

  it('that somebody else made something of is an error in words', () => {
    const origin = { file: 'ConfigMap', line: 1, text: undefined };
    const showing = (body: Body): void => {
      shown = { kind: 'ConfigMap', namespace: NS, name: 'clarion-effective', body, origin };
    };
    showing({ data: { x: 'y' } });
    expect(open().text()).toEqual({ ok: false, error: 'it has neither effective.json nor effective.json.gz' });
    showing({ binaryData: { 'effective.json.gz': 'bm8gZ3ppcA==' } });
    expect(open().text()).toMatchObject({ ok: false, error: expect.stringMatching(/cannot be unpacked/) });
  });

  it('without the right to it is tried again, with the rule that is missing', async () => {
    fake.fault = () => ({
      code: 403,
      body: statusBody(403, 'Forbidden', 'User "x" cannot create resource "configmaps"'),
    });
    expect(await open().publish(text(1))).toMatchObject({
      kind: 'retry',
      message: expect.stringMatching(/Role in namespace clarion-system needs .*"configmaps".*"create"/),
    });
  });
});
