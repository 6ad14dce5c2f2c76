import { type Milliseconds, seconds } from '../../base/clock.ts';
import { Feed } from '../feed.ts';

/** What anybody may read of a Service, and since when it was there to be read. */
export interface ServiceNews {
  readonly at: number;
  readonly name: string;
  readonly ingress: readonly string[];
  readonly conditions: readonly ServiceCondition[];
}

export interface ServiceCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Of the Services of a demo, which are all in the namespace shop. */
export class ServiceNewsFeed {
  readonly news = new Feed<ServiceNews>();

  mark(): number {
    return this.news.mark();
  }

  first(
    name: string,
    what: string,
    mark: number,
    test: (news: ServiceNews) => boolean,
    limit: Milliseconds = seconds(10),
  ): Promise<ServiceNews> {
    return this.news.first(`shop/${name}: ${what}`, mark, limit, (one) => one.name === name && test(one));
  }

  /** As it was told last. */
  now(name: string): ServiceNews | undefined {
    return this.news.since(0).findLast((one) => one.name === name);
  }
}

export const conditionOf = (
  { conditions }: ServiceNews,
  type: 'Allocated' | 'Announced',
): ServiceCondition | undefined => conditions.find((condition) => condition.type === `clarion.dev/${type}`);
