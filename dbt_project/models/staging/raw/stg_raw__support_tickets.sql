with source as (

    select * from {{ source('raw', 'support_tickets') }}
    where {{ of_built_customers(source('raw', 'support_tickets'), 'ticket_id') }}

),

versions as (

    select
        ticket_id,
        customer_id,
        opened_on,
        resolved_on,
        known_at,
        topic,
        severity,
        {{ superseded_at(['ticket_id']) }} as superseded_at

    from source

),

-- a version replaced on the day it became known was never in force: of a row landed twice, the later landing stays
in_force as (

    select * from versions
    where known_at is distinct from superseded_at

)

select * from in_force
