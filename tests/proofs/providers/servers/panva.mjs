// panva's oidc-provider on 127.0.0.1: `panva.mjs PORT FOLDER OPTIONS`.
import { createServer } from 'node:http'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import Provider from 'oidc-provider'

const [port, , text] = process.argv.slice(2)
const options = JSON.parse(text)
const issuer = `http://127.0.0.1:${port}${options.path ?? ''}`

const key = (type, parameters, alg) => ({
  ...generateKeyPairSync(type, parameters).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: randomUUID(),
})
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'web',
    client_secret: options.secret,
    token_endpoint_auth_method: options.auth ?? 'client_secret_basic',
    ...(options.jwks ? { jwks: options.jwks } : {}),
    ...(options.assertion_alg ? { token_endpoint_auth_signing_alg: options.assertion_alg } : {}),
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [options.callback],
    post_logout_redirect_uris: [options.home],
    id_token_signed_response_alg: options.alg ?? 'RS256',
    ...(options.signed_userinfo ? { userinfo_signed_response_alg: options.alg ?? 'RS256' } : {}),
    ...(options.backchannel ? { backchannel_logout_uri: options.backchannel, backchannel_logout_session_required: true } : {}),
  }],
  jwks: { keys: [
    key('rsa', { modulusLength: 2048 }, 'RS256'), key('rsa', { modulusLength: 2048 }, 'PS256'),
    key('ec', { namedCurve: 'P-256' }, 'ES256'), key('ed25519', {}, 'EdDSA'),
  ] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: 'Ada' }),
  }),
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: options.thin ?? true,
  cookies: { keys: ['a-provider-for-tests'] },
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'],
    userinfoSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'],
    clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'],
  },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
  pkce: { required: () => true, methods: ['S256'] },
  issueRefreshToken: (_, client, code) => options.generous || code.scopes.has('offline_access'),
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    jwtUserinfo: { enabled: true },
    pushedAuthorizationRequests: { enabled: options.par ?? true },
    backchannelLogout: { enabled: Boolean(options.backchannel) },
    rpInitiatedLogout: { enabled: true },
  },
})
const callback = provider.callback()
createServer((request, response) => {
  if (options.path && request.url.startsWith(options.path)) {
    // As a server does that mounts the provider under a path.
    request.originalUrl = request.url
    request.url = request.url.slice(options.path.length) || '/'
  }
  callback(request, response)
}).listen(Number(port), '127.0.0.1')
