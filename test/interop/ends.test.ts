import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { Router, RouterKind } from '../../src/lab/router.ts';
import { ip } from '../bgp/driver-scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { absentNote, Interop, kinds, pause, routes } from './scene.ts';

/** Sessions that a real router ends, and connections that collide with its own. */
const PORT = 17_964;

describe.skipIf(!privateTree.inside)(`ends of sessions with real routers${skipNote}${absentNote}`, () => {
  const scene = new Interop(64);
  beforeAll(() => scene.build());
  afterAll(() => scene.stop());

  interface Command {
    readonly what: string;
    readonly does: Partial<Record<RouterKind, (router: Router) => Promise<unknown>>>;
    readonly heard: string;
    readonly communication?: string;
  }
  const us = scene.address(10);
  const commands: readonly Command[] = [
    {
      what: 'shut down by its operator, with a word',
      does: {
        bird: (router) => router.ask('disable', 'n0', '"works"'),
        frr: (router) => router.ask(`configure terminal\nrouter bgp 64500\nneighbor ${us} shutdown message works`),
        gobgp: (router) => router.ask('neighbor', us, 'shutdown', 'works'),
      },
      heard: 'cease/administrative-shutdown',
      communication: 'works',
    },
    {
      what: 'reset by its operator',
      does: {
        bird: (router) => router.ask('restart', 'n0'),
        frr: (router) => router.ask(`clear bgp ${us}`),
        gobgp: (router) => router.ask('neighbor', us, 'reset'),
      },
      heard: 'cease/administrative-reset',
    },
    {
      what: 'a neighbour no more',
      does: { frr: (router) => router.ask(`configure terminal\nrouter bgp 64500\nno neighbor ${us}`) },
      heard: 'cease/peer-de-configured',
    },
  ];

  describe.each(kinds)('%s', (kind) => {
    test.each(commands.filter(({ does }) => does[kind] !== undefined))(
      '$what: $heard',
      async ({ does, heard, communication }) => {
        const router = await scene.session(kind);
        await does[kind]!(router);
        await until(
          'its NOTIFICATION',
          seconds(5),
          () => scene.report(kind).lastNotificationReceived !== undefined,
          () => Promise.resolve(scene.report(kind)),
        );
        // GoBGP's command takes the word and does not send it.
        const word = kind === 'gobgp' ? undefined : communication;
        expect(scene.report(kind).lastNotificationReceived).toMatchObject({ name: heard, communication: word });
        expect(scene.report(kind).lastError).toMatch(/\w+ \w+/);
      },
    );

    test('too many prefixes for it: the report names the limit', async () => {
      await scene.session(kind, {}, { maximumPrefixes: 3 });
      const many = Array.from({ length: 10 }, (_, index) => `203.0.113.${index}/32`);
      scene.bgp.setRoutes(new Map([[kind, routes(many)]]));
      await until(
        'its NOTIFICATION',
        seconds(5),
        () => scene.report(kind).lastNotificationReceived !== undefined,
        () => Promise.resolve(scene.report(kind)),
      );
      expect(scene.report(kind).lastNotificationReceived).toMatchObject({
        name: 'cease/maximum-number-of-prefixes-reached',
      });
      expect(scene.report(kind).lastError).toMatch(/prefix/);
    });

    test('it hears our shutdown and its word', async () => {
      const router = await scene.session(kind);
      await scene.bgp.stop('for-good', 'see you');
      await until('it notices', seconds(5), async () =>
        (await router.sessions()).every(({ established }) => !established),
      );
      const said = `${(await router.sessions())[0]!.detail}\n${router.log()}`;
      expect(said).toMatch(/administrative shutdown|see you/i);
    });

    test('it waits for nobody, and neither do we: the connections collide, and one session is left', async () => {
      await scene.router(kind, { passive: false, port: PORT });
      scene.start();
      const waiting = scene.peer(kind, {
        session: { name: 'waits', passive: true },
        transport: { remote: { kind: 'address', address: ip(scene.address(99)) }, port: PORT },
      });
      scene.bgp.setPeers([scene.peer(kind), waiting]);
      await scene.established(kind, seconds(15));
      await pause(2500);
      expect(scene.report(kind).state).toBe('established');
      scene.bgp.setRoutes(new Map([[kind, routes(['203.0.113.7/32'])]]));
      await scene.has(kind, ['203.0.113.7/32']);
    });

    test('passive: it connects to us', async () => {
      await scene.router(kind, { passive: false, port: PORT });
      scene.start();
      scene.bgp.setPeers([scene.peer(kind, { session: { passive: true }, transport: { port: PORT } })]);
      await scene.established(kind, seconds(15));
      expect(scene.report(kind).listener).toEqual({ at: `0.0.0.0:${PORT}`, error: undefined });
    });
  });
});
