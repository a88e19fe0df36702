package import StarlingCore

/// The description of the API for other programs, made from the route table.
///
/// Spec: OpenAPI 3.1.0.
package enum OpenAPIDocument {
    /// The document, `version` being the release of the software.
    package static func json(version: String, routes: [APIRoute] = APIRoute.all) -> JSON {
        var paths: JSON = [:]
        for route in routes {
            var methods = paths[route.path] ?? [:]
            methods[route.method.rawValue.lowercased()] = operation(route)
            paths[route.path] = methods
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Starling", "version": .string(version),
                "description": "The operations of one Starling node, over its Unix socket.",
            ],
            "paths": paths,
        ]
    }

    private static func operation(_ route: APIRoute) -> JSON {
        var json: JSON = [
            "operationId": .string(route.operation.rawValue), "summary": .string(route.summary),
        ]
        let parameters =
            route.parameters.map { parameter($0, in: "path") }
            + route.query.map { parameter($0, in: "query") }
        if !parameters.isEmpty { json["parameters"] = .array(parameters) }
        if let body = route.body {
            json["requestBody"] = ["required": true, "content": content(body)]
        }
        let success: JSON = ["description": .string(route.summary + "."), "content": content(route.answer)]
        let failure: JSON = ["description": "It was not done.", "content": content(.failure)]
        json["responses"] = JSON(members: [("\(route.status)", success), ("default", failure)])
        return json
    }

    private static func parameter(_ field: APIField, in place: String) -> JSON {
        [
            "name": .string(field.name), "in": .string(place), "required": .bool(field.isRequired),
            "description": .string(field.summary), "schema": field.schema.json,
        ]
    }

    private static func content(_ schema: APISchema) -> JSON {
        ["application/json": ["schema": schema.json]]
    }
}
