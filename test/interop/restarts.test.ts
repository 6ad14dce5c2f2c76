import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { RouterRoute } from '../../src/lab/router.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { absentNote, HOLD, Interop, kinds, pause, routes } from './scene.ts';

/** One side goes away and comes back: what stays in the router, and what happens to the session. */
const BOTH = ['203.0.113.1/32', '203.0.113.2/32'];

describe.skipIf(!privateTree.inside)(`restarts with real routers${skipNote}${absentNote}`, () => {
  const scene = new Interop(63);
  beforeAll(() => scene.build());
  afterAll(() => scene.stop());

  const graceful = { session: { gracefulRestart: { restartTime: seconds(20) } } };

  test('routers that hang: the hold timer ends the sessions, and they come back', async () => {
    const routers = await scene.allSessions({ holdTime: HOLD, keepaliveTime: 1 }, routes(BOTH));
    for (const router of routers.values()) router.pause();
    for (const kind of kinds) {
      await until('hold timer', seconds(HOLD + 2), () => scene.report(kind).state !== 'established');
      expect(scene.report(kind).lastNotificationSent).toMatchObject({ name: 'hold-timer-expired' });
      expect(scene.report(kind).lastError).toMatch(/hold time/i);
    }
    for (const router of routers.values()) router.resume();
    for (const kind of kinds) {
      await scene.established(kind, seconds(20));
      await scene.has(kind, BOTH);
    }
  });

  describe.each(kinds)('%s', (kind) => {
    test('a stop that keeps routes: they stay, marked as stale, until we are back and say what still holds', async () => {
      const router = await scene.session(kind, graceful, {}, { announce: routes(BOTH) });
      await scene.has(kind, BOTH);
      expect(scene.report(kind).negotiated?.gracefulRestart).toBeDefined();
      await scene.bgp.stop('keep-routes');
      await until('the router sees that we are gone', seconds(5), async () =>
        (await router.sessions()).every(({ established }) => !established),
      );
      await pause(500);
      const kept = await scene.has(kind, BOTH);
      // BIRD does not say which ones are.
      if (kind !== 'bird') expect(kept.map(({ stale }) => stale)).toEqual([true, true]);
      scene.start({ restart: { forwarding: true } });
      scene.bgp.setPeers([scene.peer(kind, graceful)]);
      scene.bgp.setRoutes(new Map([[kind, routes(BOTH.slice(0, 1))]]));
      const seen: string[] = [];
      await until('our return', seconds(15), async () => {
        seen.push(prefixes(await router.routes('ipv4')));
        return scene.report(kind).state === 'established';
      });
      const [one] = await scene.has(kind, BOTH.slice(0, 1));
      expect(one?.stale).toBe(false);
      expect(seen.every((text) => text.includes(BOTH[0]!))).toBe(true);
    });

    test('a stop for good: they are gone at once, whatever was agreed', async () => {
      await scene.session(kind, graceful, {}, { announce: routes(BOTH) });
      await scene.has(kind, BOTH);
      await scene.bgp.stop('for-good', 'maintenance');
      expect(await scene.has(kind, [], seconds(2))).toEqual([]);
    });

    test('the router restarts gracefully: it says so, and hears everything again', async () => {
      const router = await scene.session(kind, graceful, { gracefulRestart: 60 }, { announce: routes(BOTH) });
      await scene.has(kind, BOTH);
      await router.kill();
      await until('we notice', seconds(5), () => scene.report(kind).state !== 'established');
      expect(scene.report(kind).lastError).toBeDefined();
      await router.start();
      await scene.established(kind, seconds(20));
      await scene.has(kind, BOTH);
      if (kind !== 'frr') expect(scene.report(kind).negotiated?.gracefulRestart?.restarting).toBe(true);
      expect(scene.report(kind).flaps).toBe(1);
    });

    test('the router is stopped and started by its operator', async () => {
      const router = await scene.session(kind, {}, {}, { announce: routes(BOTH) });
      await router.stop();
      await until('we notice', seconds(5), () => scene.report(kind).state !== 'established');
      await router.start();
      await scene.established(kind, seconds(20));
      await scene.has(kind, BOTH);
    });
  });
});

const prefixes = (found: readonly RouterRoute[]): string => found.map(({ prefix }) => prefix).join(' ');
