export {
  connectChannel,
  type ConnectTrace,
  isObserved,
  prepareChannel,
  type PrepareTrace,
  requestChannel,
  type RequestTrace,
  traced,
} from './channels.ts'
