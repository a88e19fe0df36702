internal import StarlingAPI
internal import StarlingCore
internal import StarlingNode

/// What a node of the lab answers over its socket: a node's API, and what the lab asks of its tasks.
struct LabNodeRouter: APIResponder {
    static let orderPath = "/lab/order"
    static let workPath = "/lab/work"

    let node: APIRouter
    let tasks: LabTasks

    /// Begins to work on tasks beside the node's API.
    static func make(_ node: StartedNode, _ router: APIRouter) async -> any APIResponder {
        LabNodeRouter(node: router, tasks: await LabTasks.start(node.delivery))
    }

    func respond(to request: APIRequest) async -> APIResponse {
        switch (request.method, request.path) {
        case ("POST", Self.orderPath):
            guard let json = try? JSON(parsing: request.body.span), let order = try? LabOrder(json: json)
            else {
                return APIResponse(NodeFailure(.invalidRequest, "That is no order of the lab."))
            }
            return APIResponse(json: await tasks.give(order).json, status: 200)
        case ("GET", Self.workPath):
            return APIResponse(json: await tasks.work.json, status: 200)
        default:
            return await node.respond(to: request)
        }
    }
}
