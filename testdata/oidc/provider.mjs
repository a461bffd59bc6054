// An OpenID Connect issuer for tests: the certified oidc-provider, with people
// and clients from the environment. It prints its address, and ends when its
// standard input does.
import { createServer } from 'node:http'
import { once } from 'node:events'
import Provider from 'oidc-provider'

const people = JSON.parse(process.env.OIDC_PEOPLE) // by sign-in name: claims
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: JSON.parse(process.env.OIDC_CLIENTS),
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'email', 'groups'],
  conformIdTokenClaims: process.env.OIDC_USERINFO === 'yes', // claims in userinfo alone
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => true },
  findAccount: (_, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
})
server.on('request', provider.callback())
process.stdin.resume().on('end', () => process.exit(0))
console.log(`issuer ${issuer}`)
