import { accessRequestEndpoint } from './authzen-access-requests.ts'
import { SUPPORTED_OBLIGATIONS } from './authzen-answer.ts'

/** AuthZEN 1.0, "Policy Decision Point Metadata", and what its profile for obligations adds. */
export function authzenMetadata(issuer: string): object {
  return {
    policy_decision_point: issuer,
    access_evaluation_endpoint: `${issuer}/access/v1/evaluation`,
    access_evaluations_endpoint: `${issuer}/access/v1/evaluations`,
    search_subject_endpoint: `${issuer}/access/v1/search/subject`,
    search_resource_endpoint: `${issuer}/access/v1/search/resource`,
    search_action_endpoint: `${issuer}/access/v1/search/action`,
    // AuthZEN Access Request and Approval Profile, "Discovery"
    access_request_endpoint: accessRequestEndpoint(issuer),
    jwks_uri: `${issuer}/jwks`,
    capabilities: ['urn:openid:authzen:capability:access-request'],
    supported_obligations: SUPPORTED_OBLIGATIONS,
  }
}
