import { matrixSuite } from '../support/matrix/matrix-suite.ts';

matrixSuite('blue-green-abort', ['before', 'applied', 'told', 'lost', 'reset', 'hide', 'stale', 'travel']);
