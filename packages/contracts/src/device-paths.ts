/** Where phones call, once they are known. What they sign names the path: none of these ever changes its meaning. */
export const DEVICE_PATHS = {
  poll: '/v1/device/poll',
  answer: '/v1/device/answer',
  update: '/v1/device/update',
  rotate: '/v1/device/rotate',
  remove: '/v1/device/remove',
  enrol: '/v1/device/passkey/enrol',
  confirm: '/v1/device/passkey/confirm',
  forget: '/v1/device/passkey/forget',
} as const;

/** How a phone becomes known. */
export const ACTIVATION_PATHS = { find: '/v1/activations/find', redeem: '/v1/activations' } as const;
