/**
 * A policy cannot be evaluated. Thrown inside of the engine only, and often, so it is no `Error`: collecting a stack
 * would cost more than the decision.
 */
export class EvaluationError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}
