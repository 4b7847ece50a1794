with source as (

    select * from {{ source('raw', 'invoices') }}
    where {{ of_built_customers(source('raw', 'invoices'), 'invoice_id') }}

),

versions as (

    select
        invoice_id,
        customer_id,
        invoice_date,
        months,
        known_at,
        amount,
        refunds,
        due_date,
        paid_on,
        {{ superseded_at(['invoice_id']) }} as superseded_at

    from source

),

-- a version replaced on the day it became known was never in force: of a row landed twice, the later landing stays
in_force as (

    select * from versions
    where known_at is distinct from superseded_at

)

select * from in_force
