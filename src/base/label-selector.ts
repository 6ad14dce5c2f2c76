/** Kubernetes labels and LabelSelector (apimachinery meta/v1): `matchLabels` and every expression must hold. */
export type Labels = Readonly<Record<string, string>>;

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
export interface LabelExpression {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}
export interface LabelSelector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly LabelExpression[];
}

/** An empty selector matches everything. NotIn matches an object without the key, as in Kubernetes. */
export function selectorMatches(selector: LabelSelector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels)) if (labels[key] !== value) return false;
  return selector.matchExpressions.every((expression) => expressionHolds(expression, labels));
}

/** A list of selectors is an OR; an empty list says nothing, and the caller decides what that means. */
export const anySelectorMatches = (selectors: readonly LabelSelector[], labels: Labels): boolean =>
  selectors.some((selector) => selectorMatches(selector, labels));

function expressionHolds({ key, operator, values }: LabelExpression, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
