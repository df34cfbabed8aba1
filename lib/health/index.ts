// For health checks with @nestjs/terminus
export { FlaskSocketHealthIndicator } from './flask-socket-health.indicator.js';
