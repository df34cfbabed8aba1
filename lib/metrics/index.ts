// For Prometheus, with prom-client
export { FlaskSocketMetricsModule } from './flask-socket-metrics.module.js';
export { FlaskSocketMetrics } from './flask-socket-metrics.module.js';

// Types
export type { FlaskSocketMetricsOptions } from './flask-socket-metrics.module.js';
