import type { Problem } from '../../base/problem.ts';
import type { ClusterObject } from '../ports.ts';
import { countLines, type DocumentText, onLine, type ParsedDocument, parseDocument } from './parse-document.ts';

/**
 * The text of one manifest as objects. A file is first cut at its document markers (a line that begins with "---" is one
 * everywhere in YAML, even inside quotes), so that a bad document never hides the good ones, and a document whose text
 * did not change is not parsed again. JSON is tried first where it looks like JSON: it is fifty times as fast.
 *
 * Standards: YAML 1.2.2 §9.1 (document markers), read with the core schema and merge keys.
 */
export interface ParsedManifest {
  readonly objects: readonly ClusterObject[];
  readonly problems: readonly Problem[];
  /** A document of it cannot be read at all: what is missing here may yet exist. */
  readonly broken: boolean;
  /** By text, for the next reading of the same file. */
  readonly documents: ReadonlyMap<string, ParsedDocument>;
}

export const EMPTY_MANIFEST: ParsedManifest = { objects: [], problems: [], broken: false, documents: new Map() };

/** `file` is the name for problems. Never throws, whatever the text; `known` are documents of the same file from before. */
export function parseManifest(file: string, text: string, known = EMPTY_MANIFEST.documents): ParsedManifest {
  const cut = cutDocuments(text);
  // Of a file with one document nothing is to be remembered: when the file changed, so did the document.
  if (cut.length === 1) {
    const { objects, problems, broken } = parseDocument(file, cut[0]!);
    return { objects, problems, broken, documents: EMPTY_MANIFEST.documents };
  }
  const documents = new Map<string, ParsedDocument>();
  const parsed = cut.map((document) => {
    const same = known.get(document.text);
    const result = same === undefined ? parseDocument(file, document) : moved(same, document.line);
    documents.set(document.text, result);
    return result;
  });
  return {
    objects: parsed.flatMap((document) => document.objects),
    problems: parsed.flatMap((document) => document.problems),
    broken: parsed.some((document) => document.broken),
    documents,
  };
}

function cutDocuments(text: string): DocumentText[] {
  const clean = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const markers = clean.includes('---') ? Array.from(clean.matchAll(/^---(?=[ \t\r\n]|$)/gm), (m) => m.index) : [];
  const starts = [0, ...markers.filter((start) => start > 0)];
  const documents: DocumentText[] = [];
  let line = 1;
  starts.forEach((start, i) => {
    const piece = clean.slice(start, starts[i + 1]);
    if (!isBlank(piece)) documents.push({ text: piece, line });
    line += countLines(piece);
  });
  return documents;
}

/** Nothing but comments, directives and markers. A long text has something in it. */
const isBlank = (text: string): boolean =>
  text.length < 4096 && text.split('\n').every((line) => /^(?:---|\.\.\.)?\s*(?:[#%].*)?$/.test(line));

/** The same document further up or down in its file: only the origins differ. */
function moved(document: ParsedDocument, line: number): ParsedDocument {
  const by = line - document.line;
  if (by === 0) return document;
  return {
    ...document,
    line,
    objects: document.objects.map((object) => ({
      ...object,
      origin: {
        ...object.origin,
        line: object.origin.line + by,
        text: object.origin.text && onLine(object.origin.text.slice(document.line - 1), line),
      },
    })),
    problems: document.problems.map((problem) => ({ ...problem, line: problem.line + by })),
  };
}
